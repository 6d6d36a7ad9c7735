package doctor

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	cfg := configFor(t, "127.0.0.1:1")
	if runtime.GOOS == "linux" {
		cfg.StateDir = "/proc/kanade" // not even root may
	} else {
		cfg.StateDir = filepath.Join(cfg.StateDir, "nul\x00")
	}
	cfg.Staging = filepath.Join(cfg.StateDir, "agent-scripts")
	cfg.Broker.Servers = nil
	cfg.LogFile = filepath.Join(cfg.StateDir, "logs", "agent.log")
	found := slices.Collect(Check(t.Context(), cfg))
	require.Equal(t, Fail, find(t, found, "state folder").Level)
	require.Equal(t, Warn, find(t, found, "log folder").Level, "the agent works without")
	require.NotEmpty(t, find(t, found, "log folder").Advice)
	require.Equal(t, Fail, find(t, found, "staging").Level)
	require.NotEmpty(t, find(t, found, "state folder").Advice)
}

func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		began := time.Now()
		_, err := patiently(t.Context(), func() (time.Duration, error) { <-goOn; return 0, nil })
		require.ErrorIs(t, err, errHangs)
		require.Equal(t, diskWait, time.Since(began))
		close(goOn)
	})
}

func TestAFolderThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	cfg := configFor(t, "127.0.0.1:1")
	top := cfg.StateDir
	cfg.StateDir = filepath.Join(top, "a", "b")
	cfg.Staging = filepath.Join(cfg.StateDir, "agent-scripts")
	cfg.Broker.Servers = nil
	found := slices.Collect(Check(t.Context(), cfg))
	require.Empty(t, at(Fail, found))
	require.Contains(t, find(t, found, "state folder").Text, "not there yet")
	left, err := filepath.Glob(filepath.Join(top, "*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing was made or left")
}
