package agentcli

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/internal/logtest"
)

// levelFile is a configuration file whose level is changed under a watch.
type levelFile struct {
	t     *testing.T
	path  string
	write int
	out   logtest.Buffer
	watch *levelWatch
}

func newLevelFile(t *testing.T, env map[string]string, flags ...string) *levelFile {
	f := &levelFile{t: t, path: writeFile(t, "agent.toml", minimalFile)}
	values := flagged(append([]string{"config", f.path}, flags...)...)
	around := testSurroundings(t, env)
	found, err := load(values, around)
	require.NoError(t, err)
	level := new(slog.LevelVar)
	level.Set(found.config.LogLevel)
	f.watch = newLevelWatch(level, slog.New(lineHandler(&f.out, level)), found.files, func() (readLevel, error) { return readLevelAgain(values, around) })
	f.watch.reload(false)
	return f
}

// set writes a file whose time differs from the last one's, whatever the clock's
// resolution.
func (f *levelFile) set(text string) {
	require.NoError(f.t, os.WriteFile(f.path, []byte(text), 0o600))
	f.write++
	stamp := time.Now().Add(time.Duration(f.write) * time.Second)
	require.NoError(f.t, os.Chtimes(f.path, stamp, stamp))
}

func withLevel(level string) string { return strings.Replace(minimalFile, "'warn'", "'"+level+"'", 1) }

func TestTheLevelFollowsTheFile(t *testing.T) {
	t.Parallel()
	f := newLevelFile(t, nil)
	require.Equal(t, slog.LevelWarn, f.watch.level.Level())
	require.Empty(t, f.out.String())
	for _, level := range []string{"debug", "error", "trace", "info"} {
		f.set(withLevel(level))
		f.watch.reload(false)
		require.Equal(t, levels[level], f.watch.level.Level())
		require.Contains(t, f.out.String(), "to="+level)
	}
	require.Equal(t, 4, f.out.Count("log level changed"))
	require.Contains(t, f.out.String(), "source="+f.path+":6")
}

func TestABrokenFileKeepsTheLevelAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	f := newLevelFile(t, nil)
	f.set("[log\n")
	for range 3 {
		f.watch.reload(false)
	}
	f.set("[log\n") // touched, and broken in the same way
	f.watch.reload(false)
	require.Equal(t, slog.LevelWarn, f.watch.level.Level())
	require.Equal(t, 1, f.out.Count("cannot be read again"), f.out.String())
	require.Contains(t, f.out.String(), "agent.toml:1:5")
	require.NoError(t, os.Remove(f.path))
	f.watch.reload(false)
	require.Equal(t, slog.LevelWarn, f.watch.level.Level())
	require.Equal(t, 2, f.out.Count("cannot be read again"), "it is broken in another way")
	f.set(withLevel("debug"))
	f.watch.reload(false)
	require.Equal(t, slog.LevelDebug, f.watch.level.Level())
}

func TestFlagsAndVariablesStayAboveTheFile(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*levelFile{
		"flag":     newLevelFile(t, nil, "log-level", "error"),
		"variable": newLevelFile(t, map[string]string{"KANADE_LOG_LEVEL": "error"}),
		"RUST_LOG": newLevelFile(t, map[string]string{"RUST_LOG": "error"}),
	} {
		f.set(withLevel("debug"))
		f.watch.reload(false)
		require.Equal(t, slog.LevelError, f.watch.level.Level(), name)
	}
}

func TestAFileThatIsIncludedIsWatchedToo(t *testing.T) {
	t.Parallel()
	f := newLevelFile(t, nil)
	other := writeFile(t, "level.toml", "[log]\nlevel='info'\n")
	f.set("include = ['" + strings.ReplaceAll(other, `\`, `/`) + "']\n" + strings.Replace(minimalFile, "level = 'warn'\n", "", 1))
	f.watch.reload(false)
	require.Equal(t, slog.LevelInfo, f.watch.level.Level(), f.out.String())
	require.NoError(t, os.WriteFile(other, []byte("[log]\nlevel = 'debug'\n"), 0o600))
	f.watch.reload(false)
	require.Equal(t, slog.LevelDebug, f.watch.level.Level())
}

// A hang-up has the file read, also when it looks the same, and the one who asked
// is told.
func TestAHangUpAsks(t *testing.T) {
	t.Parallel()
	f := newLevelFile(t, nil, "log-level", "info")
	asked := make(chan os.Signal)
	f.watch.hangups = asked
	done := make(chan struct{})
	ctx := t.Context()
	go func() { defer close(done); f.watch.run(ctx) }()
	asked <- os.Interrupt
	asked <- os.Interrupt
	require.Eventually(t, func() bool {
		return f.out.Count("configuration read again") == 2
	}, 30*time.Second, time.Millisecond)
}

// A template may ask for a secret variable, which run removes from its
// environment: reading the file again must not fail for that.
func TestSecretVariablesAreRemembered(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KANADE_NATS_TOKEN": "sesame"}
	around := testSurroundings(t, env).remembering()
	delete(env, "KANADE_NATS_TOKEN")
	path := writeFile(t, "agent.toml", strings.Replace(minimalFile, "nats://file", `nats://{{ env(name="KANADE_NATS_TOKEN") }}@file`, 1))
	now, err := readLevelAgain(flagged("config", path), around)
	require.NoError(t, err)
	require.Equal(t, slog.LevelWarn, now.level)
}

func TestTheFileIsLookedAtWhenTheAgentWakes(t *testing.T) {
	t.Parallel()
	f := newLevelFile(t, nil)
	f.set(withLevel("debug"))
	synctest.Test(t, func(t *testing.T) {
		f.watch.until = func(every time.Duration) time.Duration {
			require.Equal(t, levelPoll, every)
			return 7 * time.Second
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.watch.run(ctx)
		}()
		time.Sleep(7*time.Second - time.Millisecond)
		require.Equal(t, slog.LevelWarn, f.watch.level.Level())
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, slog.LevelDebug, f.watch.level.Level())
		cancel()
		<-ended
	})
}

// The agent of the library is one that says when it wakes.
func TestAnAgentHasABeat(t *testing.T) {
	t.Parallel()
	cfg := agent.DefaultConfig()
	cfg.Servers, cfg.StateDir, cfg.ID = []string{"nats://127.0.0.1:1"}, t.TempDir(), "PC-1"
	a, err := agent.New(cfg)
	require.NoError(t, err)
	until := beatOf(a)
	require.NotNil(t, until)
	require.LessOrEqual(t, until(time.Minute), time.Minute)
	require.Positive(t, until(time.Minute))
}
