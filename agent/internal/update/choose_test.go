package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// serviceOn is a service over a fake broker; nothing of it runs.
func serviceOn(t *testing.T, change func(*Config)) (*Service, *jstest.Fake) {
	fake := jstest.NewFake()
	cfg := Config{
		Install: onDisk(t), Name: "kanade-agent", Version: "1.0.0", OS: "linux", Arch: "x86_64",
		Objects: retry.NewObjectReader(fake.Conn()), Transport: fake.Conn(), Logger: slog.New(slog.DiscardHandler),
		Settings: func() (wire.EffectiveConfig, <-chan struct{}) { return wire.EffectiveConfig{}, nil },
		Fresh:    func() bool { return true }, Healthy: func() error { return nil },
		Free:    func(string) (uint64, error) { return 1 << 40, nil },
		Observe: func(string, map[string]string) {}, Now: func() time.Time { return now },
	}
	change(&cfg)
	return New(cfg), fake
}

func upload(t *testing.T, fake *jstest.Fake, name, data string) {
	uploadWith(t, fake, jetstream.ObjectMeta{Name: name}, data)
}

func uploadWith(t *testing.T, fake *jstest.Fake, meta jetstream.ObjectMeta, data string) {
	js := fake.JetStream()
	store, err := js.ObjectStore(t.Context(), wire.StoreAgentReleases)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		store, err = js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreAgentReleases})
	}
	require.NoError(t, err)
	_, err = store.Put(t.Context(), meta, strings.NewReader(data))
	require.NoError(t, err)
}

func TestWhichObjectIsTaken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		os      string
		objects []string
		want    string // empty: ErrMissing
	}{
		"its platform":         {"linux", []string{"2", "2-linux-x86_64"}, "2-linux-x86_64"},
		"another's":            {"linux", []string{"2-linux-aarch64", "2-windows-x86_64"}, ""},
		"plain, not windows":   {"linux", []string{"2"}, ""},
		"plain, windows":       {"windows", []string{"2"}, "2"},
		"both, windows":        {"windows", []string{"2", "2-windows-x86_64"}, "2-windows-x86_64"},
		"plain, mac":           {"macos", []string{"2"}, ""},
		"nothing of this name": {"windows", []string{"3"}, ""},
	} {
		s, fake := serviceOn(t, func(c *Config) { c.OS = tc.os })
		for _, o := range tc.objects {
			upload(t, fake, o, "new")
		}
		c, err := s.choose(t.Context(), "2")
		if tc.want == "" {
			require.ErrorIs(t, err, ErrMissing, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, tc.want, c.object, name)
	}
}

func TestWhatKeepsAReleaseOut(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"floor":     {func(c *Config) { c.Floor = "2.0.1" }, ErrFloor},
		"no space":  {func(c *Config) { c.Free = func(string) (uint64, error) { return spare, nil } }, ErrNoSpace},
		"no answer": {func(c *Config) { c.Free = func(string) (uint64, error) { return 0, os.ErrPermission } }, os.ErrPermission},
		"unsigned":  {func(c *Config) { c.Keys = Keyring{public(testKey(1))} }, ErrUnsigned},
		"allowed":   {func(c *Config) { c.Keys, c.AllowUnsigned = Keyring{public(testKey(1))}, true }, nil},
		"no keys":   {func(*Config) {}, nil},
	} {
		s, fake := serviceOn(t, tc.change)
		upload(t, fake, "2.0.0-linux-x86_64", "new")
		_, err := s.choose(t.Context(), "2.0.0")
		if tc.want == nil {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, tc.want, name)
	}
}

// What a try has left there already needs no room again: else one that came far would
// be the last.
func TestTheRoomForAnotherTry(t *testing.T) {
	t.Parallel()
	var free uint64
	s, fake := serviceOn(t, func(c *Config) { c.Free = func(string) (uint64, error) { return free, nil } })
	upload(t, fake, "2-linux-x86_64", "new")
	i := s.cfg.Install
	asks := func(want error) {
		t.Helper()
		_, err := s.choose(t.Context(), "2")
		require.ErrorIs(t, err, want)
	}
	free = spare + 3 // of the six: "new" is staged
	asks(nil)
	free = spare + 2
	asks(ErrNoSpace)
	_, err := i.keepLastGood()
	require.NoError(t, err)
	free = spare
	asks(nil)
	free = spare - 1
	asks(ErrNoSpace)
	require.NoError(t, os.WriteFile(i.lastGood(), []byte("another"), 0o600))
	free = spare + 2
	asks(ErrNoSpace)
}

// The guard: three tries, each later than the one before, and never again.
func TestTheGuardAgainstLoops(t *testing.T) {
	t.Parallel()
	clock := now
	s, fake := serviceOn(t, func(c *Config) { c.Now = func() time.Time { return clock } })
	upload(t, fake, "2-linux-x86_64", "new")
	c, err := s.choose(t.Context(), "2")
	require.NoError(t, err)
	i := s.cfg.Install
	for try := 1; try <= maxTimes; try++ {
		require.NoError(t, s.checkTried(c), "try %d", try)
		r, err := i.load()
		require.NoError(t, err)
		r.Plan = &plan{Phase: phaseSwap, To: "2", FromSHA256: "x", ToSHA256: digestOfText(t, i)}
		r.try(clock)
		r.Plan = nil
		require.NoError(t, i.save(r))
		clock = clock.Add(time.Hour<<(try-1) - time.Second)
		require.ErrorIs(t, s.checkTried(c), ErrTried, "too early after try %d", try)
		clock = clock.Add(time.Second)
	}
	clock = clock.Add(10000 * time.Hour)
	err = s.checkTried(c)
	require.ErrorIs(t, err, ErrTried)
	require.True(t, isRefusal(err))
	upload(t, fake, "2-linux-x86_64", "repaired")
	c, err = s.choose(t.Context(), "2")
	require.NoError(t, err)
	require.NoError(t, s.checkTried(c), "another file under the same name is another release")
}

func digestOfText(t *testing.T, i Install) string {
	sum, err := i.digest(i.staged()) // says "new", too
	require.NoError(t, err)
	return sum
}

// Without a record that can be read nothing is tried: it holds the guard.
func TestADamagedRecordStopsUpdates(t *testing.T) {
	t.Parallel()
	var told []string
	s, fake := serviceOn(t, func(c *Config) {
		c.Observe = func(kind string, _ map[string]string) { told = append(told, kind) }
	})
	upload(t, fake, "2-linux-x86_64", "new")
	require.NoError(t, os.WriteFile(s.cfg.Install.recordPath(), []byte("{"), 0o600))
	_, err := s.choose(t.Context(), "2")
	require.ErrorIs(t, err, ErrRecord)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx))
	require.Equal(t, []string{kindRefused}, told)
}

func TestReportsOfReleases(t *testing.T) {
	t.Parallel()
	good := Report{Name: "kanade-agent", Version: "2", OS: "linux", Arch: "x86_64", Connected: true, Settings: true}
	for name, tc := range map[string]struct {
		report  Report
		err     error
		ok      bool
		refused bool // for good
	}{
		"good":           {good, nil, true, false},
		"another":        {Report{Version: "3", OS: "linux", Arch: "x86_64", Connected: true, Settings: true}, nil, false, true},
		"other program":  {Report{Name: "backend", Version: "2", OS: "linux", Arch: "x86_64", Connected: true, Settings: true}, nil, false, true},
		"without a name": {Report{Version: "2", OS: "linux", Arch: "x86_64", Connected: true, Settings: true}, nil, true, false},
		"other system":   {Report{Version: "2", OS: "macos", Arch: "x86_64", Connected: true, Settings: true}, nil, false, true},
		"not connected":  {Report{Version: "2", OS: "linux", Arch: "x86_64"}, nil, false, false},
		"no settings":    {Report{Version: "2", OS: "linux", Arch: "x86_64", Connected: true}, nil, false, false},
		"failed":         {Report{}, errors.New("exit status 2"), false, false},
	} {
		s, _ := serviceOn(t, func(c *Config) {
			c.SelfTest = func(context.Context, string) (Report, error) { return tc.report, tc.err }
		})
		err := s.selfTest(t.Context(), candidate{target: "2"})
		require.Equal(t, tc.ok, err == nil, name)
		require.Equal(t, tc.refused, isRefusal(err), name)
	}
}

func TestAReportIsBounded(t *testing.T) {
	t.Parallel()
	var l limited
	for range 100 {
		n, err := fmt.Fprint(&l, string(make([]byte, 4096)))
		require.NoError(t, err)
		require.Equal(t, 4096, n)
	}
	require.Equal(t, maxReport, l.kept.Len())
}
