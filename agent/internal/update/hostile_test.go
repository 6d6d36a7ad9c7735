package update

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestCountsThatAreNone(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	for name, text := range map[string]string{
		"times":  `{"format":1,"tried":[{"version":"2","sha256":"aa","times":-1}]}`,
		"starts": `{"format":1,"plan":{"phase":"probation","from_sha256":"a","to_sha256":"b","starts":-1000000}}`,
		"spent":  `{"format":1,"plan":{"phase":"probation","from_sha256":"a","to_sha256":"b","spent_ns":-1000000}}`,
	} {
		require.NoError(t, os.WriteFile(i.recordPath(), []byte(text), 0o600))
		_, err := i.load()
		require.ErrorIs(t, err, ErrRecord, name)
	}
	s, _ := aims(t, func(*Config) {})
	i = s.cfg.Install
	require.NoError(t, i.save(record{Format: recordFormat, Tried: []tried{{Version: "2", SHA256: digestOfText(t, i), Last: now}}}))
	err := s.checkTried(candidate{target: "2", info: &jetstream.ObjectInfo{Digest: digestAsStored(t, digestOfText(t, i))}})
	require.ErrorIs(t, err, ErrTried, "and it does not panic")
}

func TestARecordThatIsMendedIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	require.NoError(t, os.WriteFile(i.recordPath(), []byte("{"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		o := &onTrial{t: t, began: time.Now(), health: always[error](nil)}
		s := o.service(i)
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(24 * time.Hour)
		require.Equal(t, phaseBlocked, s.Status().Phase)
		require.Equal(t, []string{kindRefused}, o.verdict, "told once")
		require.NoError(t, os.Remove(i.recordPath()))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, phaseIdle, s.Status().Phase)
		cancel()
		require.NoError(t, <-ended)
	})
}

// News that cannot be forgotten, because the disk is full, keep no release from
// proving itself.
func TestAReleaseProvesItselfBesideNewsThatStay(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	synctest.Test(t, func(t *testing.T) {
		i := i.newOnTrial(t)
		require.NoError(t, i.CountStart(time.Now()))
		r, err := i.load()
		require.NoError(t, err)
		r.tell(kindNotSwapped, "for a test")
		require.NoError(t, i.save(r))
		full := time.Now().Add(30 * time.Second)
		i.FS = brokenFS{i.FS, func(op, _ string) error {
			if op == "write" && time.Now().Before(full) {
				return errFull
			}
			return nil
		}}
		o := &onTrial{t: t, began: time.Now(), health: always[error](nil)}
		s := o.service(i)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		require.NoError(t, s.Run(ctx))
		require.Contains(t, o.verdict, kindUpdated)
	})
}

func TestAManifestThatIsMendedIsTaken(t *testing.T) {
	t.Parallel()
	s, fake := aims(t, func(c *Config) { c.Keys = Keyring{public(testKey(1))} })
	signedUpload(t, fake, release, sumOf("other bytes"))
	require.ErrorIs(t, s.prepare(t.Context(), "2", false), ErrOtherRelease)
	signedUpload(t, fake, release, sumOf(release))
	require.NoError(t, s.prepare(t.Context(), "2", false))
}

func TestAFileThatCannotBeReadForAMomentIsNotRefusedForGood(t *testing.T) {
	t.Parallel()
	reads := 0
	s, fake := aims(t, func(c *Config) {
		staged := c.Install.staged()
		c.Install.FS = brokenFS{c.Install.FS, func(op, name string) error {
			if op == "read" && name == staged {
				if reads++; reads == 3 { // it looks for a left-over, verifies, and reads the header
					return errBusy
				}
			}
			return nil
		}}
	})
	upload(t, fake, "2-linux-x86_64", release)
	require.ErrorIs(t, s.prepare(t.Context(), "2", false), errBusy)
	require.NoError(t, s.prepare(t.Context(), "2", false))
}

func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := aims(t, func(*Config) {})
	for n := range 10 * maxRefused {
		s.refuse(candidate{target: "2", info: &jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Metadata: map[string]string{ManifestKey: strings.Repeat("x", n)}}}}, errBusy)
		require.LessOrEqual(t, len(s.refused), maxRefused)
	}
}

// A minimum above the release would keep a host from every release that there is.
func TestAMinimumAboveItsReleaseIsRefused(t *testing.T) {
	t.Parallel()
	for minimum, ok := range map[string]bool{"": true, "1.0.0": true, "2.0.0": true, "2.0.1": false, "20.0.0": false, "latest": false} {
		r := someRelease()
		r.Version, r.MinimumVersion = "2.0.0", minimum
		_, err := Sign(r, testKey(1))
		require.Equal(t, ok, err == nil, minimum)
		if !ok {
			require.ErrorIs(t, err, ErrManifest, minimum)
		}
	}
}

func TestAKeyFileHoldsOneKey(t *testing.T) {
	t.Parallel()
	_, one, err := NewKey()
	require.NoError(t, err)
	_, other, err := NewKey()
	require.NoError(t, err)
	_, err = PublicKey(append(append([]byte{}, one...), '\n'))
	require.NoError(t, err)
	_, err = PublicKey(append(append([]byte{}, one...), other...))
	require.ErrorIs(t, err, ErrKey)
}

func TestATargetOfAnySizeIsToldInShort(t *testing.T) {
	t.Parallel()
	var told map[string]string
	s, _ := serviceOn(t, func(c *Config) {
		c.Observe = func(_ string, payload map[string]string) { told = payload }
	})
	ctx, cancel := context.WithCancel(t.Context())
	huge := strings.Repeat("x", 1<<20)
	changed := make(chan struct{})
	close(changed)
	s.cfg.Settings = func() (wire.EffectiveConfig, <-chan struct{}) { return wire.EffectiveConfig{}, changed }
	s.pause(ctx, huge, 1, s.prepare(ctx, huge, false))
	cancel()
	require.NotEmpty(t, told["to"])
	require.Less(t, len(told["to"])+len(told["reason"])+len(s.Status().Target), 1<<10)
}

// On Windows, what was moved aside the last time and still runs can neither be
// removed nor replaced.
func TestWhatStillRunsAsideHoldsNoUpdateUp(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	require.NoError(t, os.WriteFile(i.aside(), []byte("older"), 0o755))
	plain := i.FS
	i.FS = brokenFS{plain, func(op, name string) error {
		if name == i.aside() && op != "read" {
			return errBusy
		}
		return nil
	}}
	require.NoError(t, replaceInTwo(i, i.staged()))
	require.Equal(t, "new", says(t, i.Path))
	require.Equal(t, "old", says(t, i.farAside()))
	s, _ := aims(t, func(c *Config) { c.Install = i })
	s.tidy()
	require.NoFileExists(t, i.farAside())
}

// An agent that hangs when it stops is replaced all the same: its successor may be
// the one that does not.
func TestAnAgentThatDoesNotStopIsReplaced(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan string, 1)
		const drain = time.Hour // scripts have a grace of that, almost
		s := New(Config{Install: i, Drain: drain, Guard: &Guard{end: func(why string) { ended <- why }}})
		began := time.Now()
		s.endForSwap(plan{FromSHA256: sumOf("old"), ToSHA256: sumOf("new")})
		require.Contains(t, <-ended, "did not stop")
		require.Equal(t, drain, time.Since(began))
		require.Equal(t, "new", says(t, i.Path))
	})
}
