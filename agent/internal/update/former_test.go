package update

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// A host that was switched over has three executables too many. They go when this
// program works; what a host that is switched back needs stays.
func TestWhatTheFormerAgentLeft(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"agent", "agent.exe"} {
		i := onDisk(t)
		require.NoError(t, os.Remove(i.staged()))
		moved := i
		moved.Path = filepath.Join(i.folder(), name)
		require.NoError(t, os.Rename(i.Path, moved.Path))
		t.Run(name, func(t *testing.T) { whatTheFormerAgentLeft(t, moved) })
	}
}

func whatTheFormerAgentLeft(t *testing.T, i Install) {
	data := t.TempDir()
	staging := filepath.Join(data, "staging")
	require.NoError(t, os.Mkdir(staging, 0o700))
	marker := filepath.Join(data, "last_swap.json")
	gone := []string{i.Path + ".old", i.Path + ".new", filepath.Join(staging, "kanade-agent.1.0.0.staged"), staging}
	for _, path := range append(gone[:3:3], marker) {
		require.NoError(t, os.WriteFile(path, []byte(`{"target":"1.0.0","running_before":"0.43.17"}`), 0o600))
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := New(Config{
			Install: i, Version: "1.0.0", FormerStaging: staging, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
			Settings: func() (wire.EffectiveConfig, <-chan struct{}) {
				return wire.EffectiveConfig{TargetVersion: "1.0.0"}, nil
			},
			Healthy: func() error { return until(time.Hour, errOff)(time.Since(began)) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		for _, path := range gone {
			if path != i.staged() { // on Unix the halves have one name
				_, err := os.Lstat(path)
				require.NoError(t, err, "somebody may need it yet")
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, path := range gone {
			_, err := os.Lstat(path)
			require.ErrorIs(t, err, os.ErrNotExist)
		}
		require.FileExists(t, marker)
		require.Equal(t, "old", says(t, i.Path))
		cancel()
		require.NoError(t, <-ended)
	})
}

// What is not the former agent's stays, and so does its folder.
func TestWhatIsNotOfTheFormerAgentStays(t *testing.T) {
	t.Parallel()
	staging := t.TempDir()
	mine := filepath.Join(staging, "notes.txt")
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(staging, "x.staged"), 0o700))
	s, _ := serviceOn(t, func(c *Config) {
		c.FormerStaging = staging
		c.Install.FS = brokenFS{c.Install.FS, func(op, name string) error {
			if op == "remove" && name == c.Install.Path+".old" {
				return errors.New("it still runs")
			}
			return nil
		}}
	})
	require.True(t, s.clearFormer(), "it is tried again at the next start")
	require.FileExists(t, mine)
	require.DirExists(t, filepath.Join(staging, "x.staged"))
}
