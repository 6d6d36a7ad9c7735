package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func TestAStateFolderOfOthersIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, "nats://127.0.0.1:1")
	long := strings.Repeat("n", 200)
	for _, name := range []string{"a\x1b[2J", long} {
		if os.WriteFile(filepath.Join(cfg.StateDir, name), nil, 0o600) != nil { // Windows takes no such name
			require.NoError(t, os.WriteFile(filepath.Join(cfg.StateDir, "passwd"), nil, 0o600))
		}
	}
	require.NoError(t, os.Chmod(cfg.StateDir, 0o755))
	before, err := os.Stat(cfg.StateDir)
	require.NoError(t, err)
	a, err := agent.New(cfg)
	require.NoError(t, err)
	err = a.Run(t.Context())
	require.ErrorIs(t, err, agent.ErrStateForeign)
	require.ErrorContains(t, err, cfg.StateDir)
	require.NotContains(t, err.Error(), "\x1b")
	require.NotContains(t, err.Error(), long)
	require.Len(t, cfg.ForeignEntries(), 2)

	after, err := os.Stat(cfg.StateDir)
	require.NoError(t, err)
	require.Equal(t, before.Mode(), after.Mode())
	entries, err := os.ReadDir(cfg.StateDir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing was made")

	_, stop := startAgent(t, cfg, agent.WithSharedStateDir())
	require.Eventually(t, func() bool { return len(cfg.ForeignEntries()) == 0 }, patience, 10*time.Millisecond, "who knows better is obeyed")
	stop()
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.StateDir, "outbox")))
	_, stop = startAgent(t, cfg)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(cfg.StateDir, "outbox")); return err == nil }, patience, 10*time.Millisecond, "and the folder is an agent's from then on")
	stop()
}

// What an agent leaves behind is known piece by piece: whatever of it is left, the next
// start is not refused.
func TestAllThatAnAgentMakesIsKnownAsAnAgents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, stop := s.start()
	ready(t, a)
	s.send(s.counting("r", ""))
	s.settled(a, "r")
	entries := func() (names []string) {
		found, err := os.ReadDir(s.cfg.StateDir)
		require.NoError(t, err)
		for _, e := range found {
			names = append(names, e.Name())
		}
		return names
	}
	during := entries()
	stop()
	for _, name := range append(during, entries()...) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		require.Empty(t, agent.Config{StateDir: dir}.ForeignEntries(), name)
	}
}
