package agent_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

func diagnosed(t *testing.T, found []agent.Finding, check string) agent.Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f agent.Finding) bool { return f.Check == check })
	require.GreaterOrEqual(t, i, 0, "%s in %v", check, found)
	return found[i]
}

// A diagnosis beside a running agent takes nothing from it and leaves nothing.
func TestDiagnoseBesideARunningAgent(t *testing.T) {
	broker := jstest.StartBroker(t)
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Servers = "pc-1", filepath.Join(t.TempDir(), "state"), []string{broker.URL()}
	quiet := agent.WithLogger(slog.New(slog.DiscardHandler))
	a, _ := startAgent(t, cfg, quiet)
	ready(t, a)

	found := slices.Collect(agent.Diagnose(t.Context(), cfg, quiet))
	for _, f := range found {
		require.NotEqual(t, agent.FindingFail, f.Level, f)
	}
	require.Equal(t, "an agent runs in this folder", diagnosed(t, found, "agent").Text)
	require.Equal(t, agent.FindingOK, diagnosed(t, found, "permissions").Level)
	require.Equal(t, agent.FindingWarn, diagnosed(t, found, "streams and buckets").Level, "this broker has none")
	require.True(t, a.Status().Connected)
	for _, pattern := range []string{"doctor*", "*/doctor*"} {
		left, err := filepath.Glob(filepath.Join(cfg.StateDir, pattern))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// A connection that was brought along is asked, and stays open.
func TestDiagnoseOverAConnection(t *testing.T) {
	broker := jstest.StartBroker(t)
	nc, err := nats.Connect(broker.URL())
	require.NoError(t, err)
	defer nc.Close()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = "pc-1", t.TempDir()
	found := slices.Collect(agent.Diagnose(t.Context(), cfg, agent.WithNATS(nc)))
	require.Equal(t, agent.FindingOK, diagnosed(t, found, "broker").Level)
	require.True(t, nc.IsConnected())
	require.NoError(t, nc.Flush())
}

// Nothing is written into a folder that Run would refuse.
func TestDiagnoseOfSomebodyElsesFolder(t *testing.T) {
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Servers = "pc-1", t.TempDir(), []string{"nats://127.0.0.1:1"}
	require.NoError(t, os.WriteFile(filepath.Join(cfg.StateDir, "passwd"), nil, 0o600))
	before, err := os.Stat(cfg.StateDir)
	require.NoError(t, err)
	found := slices.Collect(agent.Diagnose(t.Context(), cfg))
	require.Equal(t, agent.FindingFail, diagnosed(t, found, "state folder").Level)
	require.Contains(t, diagnosed(t, found, "state folder").Text, "passwd")
	require.False(t, slices.ContainsFunc(found, func(f agent.Finding) bool { return f.Check == "staging" }))
	after, err := os.Stat(cfg.StateDir)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())

	found = slices.Collect(agent.Diagnose(t.Context(), cfg, agent.WithSharedStateDir()))
	require.Equal(t, agent.FindingOK, diagnosed(t, found, "state folder").Level)
}

func TestDiagnoseOfABadConfiguration(t *testing.T) {
	found := slices.Collect(agent.Diagnose(t.Context(), agent.Config{ID: "a b"}))
	require.Len(t, found, 1)
	require.Equal(t, agent.FindingFail, found[0].Level)
	require.Contains(t, found[0].Text, `id "a b"`)
	require.NotContains(t, found[0].Text, "\n")
}
