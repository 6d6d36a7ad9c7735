//go:build unix

package agent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestLimitsOfScripts(t *testing.T) {
	t.Parallel()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = pcID, t.TempDir()
	for _, l := range []exec.Limits{{CPU: -1}, {Memory: -1}, {Processes: -1}} {
		cfg.ScriptLimits = l
		require.ErrorIs(t, cfg.Validate(), agent.ErrConfig)
		require.ErrorContains(t, cfg.Validate(), "script limits: exec: limits: ")
	}
	broker := jstest.StartBroker(t)
	back := newBackend(t, broker)
	cfg = newConfig(t, broker.URL())
	cfg.ScriptLimits = exec.Limits{CPU: 500 * time.Millisecond}
	cfg.ScriptCgroups = true // where the host lets: elsewhere the log says so, and scripts run
	a, stop := startAgent(t, cfg)
	ready(t, a)
	back.send(sh("r", "while :; do :; done"))
	require.EqualValues(t, wire.ExitFailed, back.result("r").ExitCode)
	require.Contains(t, back.result("r").Stderr, "ended because the script went beyond its cpu limit")
	stop()
	cfg.ScriptLimits = exec.Limits{LowPriority: true} // by itself: on a busy host such a script may wait minutes for half a second
	a, _ = startAgent(t, cfg)
	ready(t, a)
	// The shell may come to its first instruction before it is lowered.
	back.send(sh("nice", `n=0; while [ "$(nice)" != 19 ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done; nice`))
	require.Equal(t, "19\n", back.result("nice").Stdout)
}
