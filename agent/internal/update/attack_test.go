package update

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry/jstest"
)

// brokenFS fails where fault says so.
type brokenFS struct {
	atomicfile.FS
	fault func(op, name string) error
}

func (b brokenFS) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	op := "read"
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		op = "write"
	}
	if err := b.fault(op, name); err != nil {
		return nil, err
	}
	return b.FS.OpenFile(name, flag, perm)
}

func (b brokenFS) Rename(from, to string) error {
	if err := b.fault("rename", to); err != nil {
		return err
	}
	return b.FS.Rename(from, to)
}

func (b brokenFS) Remove(name string) error {
	if err := b.fault("remove", name); err != nil {
		return err
	}
	return b.FS.Remove(name)
}

var errBusy = errors.New("it is held by somebody")

// release is an executable for this test's platform.
var release = string(elf(62))

var goodReport = Report{Name: "kanade-agent", Version: "2", OS: "linux", Arch: "x86_64", Connected: true, Settings: true}

// aims is a service whose settings want version 2.
func aims(t *testing.T, change func(*Config)) (*Service, *jstest.Fake) {
	return serviceOn(t, func(c *Config) {
		c.Settings = func() (wire.EffectiveConfig, <-chan struct{}) {
			return wire.EffectiveConfig{TargetVersion: "2"}, nil
		}
		c.SelfTest = func(context.Context, string) (Report, error) { return goodReport, nil }
		change(c)
	})
}

func signedUpload(t *testing.T, fake *jstest.Fake, data, sum string) {
	m, err := Sign(Release{Name: "kanade-agent", Version: "2", OS: "linux", Arch: "x86_64", SHA256: sum, Size: int64(len(data))}, testKey(1))
	require.NoError(t, err)
	text, err := m.Encode()
	require.NoError(t, err)
	uploadWith(t, fake, jetstream.ObjectMeta{Name: "2-linux-x86_64", Metadata: map[string]string{ManifestKey: string(text)}}, data)
}

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func TestWhatIsPlannedIsWhatWasVerified(t *testing.T) {
	t.Parallel()
	s, fake := aims(t, func(c *Config) {
		c.Keys = Keyring{public(testKey(1))}
		c.SelfTest = func(_ context.Context, executable string) (Report, error) {
			return goodReport, os.WriteFile(executable, []byte("bytes that nobody signed"), 0o755)
		}
	})
	signedUpload(t, fake, release, sumOf(release))
	require.ErrorContains(t, s.prepare(t.Context(), "2", false), "changed after it was verified")
	r, err := s.cfg.Install.load()
	require.NoError(t, err)
	require.Nil(t, r.Plan)
	require.Empty(t, s.Due())
}

// A release that ends at once, on a disk without room for the record.
func TestAFullDiskKeepsNoBadRelease(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*plan){
		"started too often":    func(p *plan) { p.Phase, p.Starts = phaseProbation, maxStarts },
		"to be taken back":     func(p *plan) { p.Phase = phaseRollback },
		"started never so far": func(*plan) {},
	} {
		i := onDisk(t).newOnTrial(t)
		r, err := i.load()
		require.NoError(t, err)
		prepare(r.Plan)
		require.NoError(t, i.save(r))
		i.FS = fullDisk{i.FS}
		require.ErrorIs(t, i.CountStart(now), ErrRestart, name)
		require.Equal(t, "old", says(t, i.Path), name)
		i.FS = atomicfile.OS
		require.NoError(t, i.CountStart(now), name)
		r, err = i.load()
		require.NoError(t, err)
		require.Nil(t, r.Plan, name)
		require.NotEmpty(t, r.News, "%s: it is told", name)
	}
}

// A process without a free descriptor, or a scanner, is no reason to keep a release.
func TestALastGoodThatCannotBeReadNowIsTakenLater(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	r, err := i.load()
	require.NoError(t, err)
	held := i
	held.FS = brokenFS{i.FS, func(_, name string) error {
		if name == i.lastGood() {
			return errBusy
		}
		return nil
	}}
	r.Plan.Phase, r.Plan.Starts = phaseProbation, maxStarts
	require.NoError(t, i.save(r))
	err = held.CountStart(now)
	require.ErrorIs(t, err, errBusy)
	require.NotErrorIs(t, err, ErrRestart)
	require.ErrorIs(t, i.CountStart(now), ErrRestart)
	require.Equal(t, "old", says(t, i.Path))
}

func TestWhatSomebodyInstallsIsNotTakenBack(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	require.NoError(t, i.CountStart(now))
	r, err := i.load()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(i.Path, []byte("repaired by hand"), 0o755))
	require.NoError(t, i.rollBack(r, "for a test", false))
	require.Equal(t, "repaired by hand", says(t, i.Path))
	r, err = i.load()
	require.NoError(t, err)
	require.Nil(t, r.Plan)
}

// What keeps the executable from being replaced says nothing about a release: it is
// tried again, later and later, and is not quarantined.
func TestTriesThatDoNotComeToTheSwap(t *testing.T) {
	t.Parallel()
	clock := now
	s, fake := aims(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	upload(t, fake, "2-linux-x86_64", release)
	i := s.cfg.Install
	i.swap = func(Install, string) error { return errBusy }
	s.cfg.Install = i
	pause := time.Hour
	for range 3 * maxTimes {
		require.NoError(t, s.prepare(t.Context(), "2", false))
		require.Error(t, <-s.Due())
		require.ErrorIs(t, s.Finish(nil), errBusy)
		require.NoError(t, i.CountStart(clock))
		clock = clock.Add(pause - time.Second)
		require.ErrorIs(t, s.prepare(t.Context(), "2", false), ErrTried)
		clock = clock.Add(time.Second)
		pause = min(2*pause, 32*time.Hour)
	}
	st, err := i.Status()
	require.NoError(t, err)
	require.Empty(t, st.Quarantined(""))
	require.Equal(t, "old", says(t, i.Path))
}

// The store is asked twice: what it says the second time is not what was judged.
func TestAnObjectWhoseDescriptionChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jetstream.ObjectInfo){
		"digest": func(i *jetstream.ObjectInfo) { i.Digest = "SHA-256=" },
		"size":   func(i *jetstream.ObjectInfo) { i.Size-- },
	} {
		s, fake := aims(t, func(*Config) {})
		upload(t, fake, "2-linux-x86_64", release)
		c, err := s.choose(t.Context(), "2")
		require.NoError(t, err)
		change(c.info)
		require.ErrorContains(t, s.fetch(t.Context(), c), "replaced meanwhile", name)
	}
}

// A package that is installed while the agent stops for an update wins.
func TestWhatSomebodyInstallsIsNotReplaced(t *testing.T) {
	t.Parallel()
	s, fake := aims(t, func(*Config) {})
	upload(t, fake, "2-linux-x86_64", release)
	i := s.cfg.Install
	require.NoError(t, s.prepare(t.Context(), "2", false))
	require.NoError(t, os.WriteFile(i.Path, []byte("of a package"), 0o755))
	err := s.Finish(<-s.Due())
	require.ErrorIs(t, err, ErrRestart)
	require.ErrorContains(t, err, "another executable by now")
	require.NoError(t, i.CountStart(now))
	require.Equal(t, "of a package", says(t, i.Path))
	r, err := i.load()
	require.NoError(t, err)
	require.Nil(t, r.Plan)
}

// A target that changes in the very last moment, before anybody is told.
func TestATargetThatChangesBeforeThePlan(t *testing.T) {
	t.Parallel()
	target := "2"
	s, fake := aims(t, func(c *Config) {
		c.Settings = func() (wire.EffectiveConfig, <-chan struct{}) {
			return wire.EffectiveConfig{TargetVersion: target}, nil
		}
		c.SelfTest = func(context.Context, string) (Report, error) {
			target = "3"
			return goodReport, nil
		}
	})
	upload(t, fake, "2-linux-x86_64", release)
	require.ErrorIs(t, s.prepare(t.Context(), "2", false), errWithdrawn)
	require.Empty(t, s.Due())
}
