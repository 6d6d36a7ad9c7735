package agent_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestGoroutinesOfARunningAgent(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, jstest.StartBroker(t).URL())
	_, err := agent.ReadGoroutines(t.Context(), cfg.StateDir)
	require.ErrorIs(t, err, agent.ErrNotRunning)
	require.NoError(t, os.MkdirAll(cfg.StateDir, 0o700))
	old := filepath.Join(cfg.StateDir, "goroutines.txt")
	require.NoError(t, os.WriteFile(old, []byte("of a run long ago"), 0o600))

	a, stop := startAgent(t, cfg)
	ready(t, a)
	for range 2 {
		text, err := agent.ReadGoroutines(t.Context(), cfg.StateDir)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(text), "goroutine "), "%.100s", text)
		require.Contains(t, string(text), "agent/internal/command.(*Service).Perform")
	}
	left, err := filepath.Glob(filepath.Join(cfg.StateDir, "goroutines*"))
	require.NoError(t, err)
	require.Empty(t, left)

	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err = agent.ReadGoroutines(ctx, cfg.StateDir)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	stop()
	_, err = os.Stat(old)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What is no question is removed and not answered.
func TestQuestionsThatAreTooLong(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, jstest.StartBroker(t).URL())
	a, stop := startAgent(t, cfg)
	defer stop()
	ready(t, a)
	asked := filepath.Join(cfg.StateDir, "goroutines.asked")
	half := filepath.Join(t.TempDir(), "question") // one that is read while it is written may be short enough
	require.NoError(t, os.WriteFile(half, make([]byte, 1<<20), 0o600))
	require.NoError(t, os.Rename(half, asked))
	require.Eventually(t, func() bool {
		_, err := os.Stat(asked)
		return os.IsNotExist(err)
	}, patience, 10*time.Millisecond)
	_, err := os.Stat(filepath.Join(cfg.StateDir, "goroutines.txt"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
