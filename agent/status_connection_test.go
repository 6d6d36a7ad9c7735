package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The advice is about what is wrong: the network of a host whose .creds file was
// written in half is fine.
func TestStatusSaysThatTheCredentialsCannotBeRead(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	cfg := newConfig(t, broker.URL())
	cfg.CredsFile = filepath.Join(t.TempDir(), "agent.creds")
	require.NoError(t, os.WriteFile(cfg.CredsFile, nil, 0o600))
	_, _ = startAgent(t, cfg)
	got := fromOutside(t, cfg.StateDir, "no failure", func(got agent.Status) bool { return resource(got, "connection").Error != "" })
	require.False(t, got.Connected, "the broker would let anybody in")
	problem := got.Problems()[0]
	require.Equal(t, "connection", problem.What)
	require.Contains(t, problem.Error, cfg.CredsFile)
	require.Contains(t, problem.Advice, "mend what the error names")
}
