//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// status is what kanade-agent status says of a state folder.
func status(t *testing.T, state string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(binary, "status", "--data-dir", state)
	cmd.Env = environment()
	text, err := cmd.Output()
	return string(text), exitCode(t, err)
}

func TestStatusOfAnAgentThatIsKilled(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	createStreams(t, broker.Connect())
	state := filepath.Join(t.TempDir(), "state")
	eventually := func(want int, says string) {
		t.Helper()
		var out string
		var code int
		require.Eventually(t, func() bool {
			out, code = status(t, state)
			return code == want
		}, patience, 20*time.Millisecond, "not %d", want)
		require.Contains(t, out, says)
	}
	notRunning := 4 // a test host has no service of this name
	eventually(notRunning, "nobody has the state folder "+state)

	p := start(t, nil, "--nats-url", broker.URL(), "--id", pcID, "--data-dir", state)
	eventually(0, "agent "+pcID+", version 9.8.7: healthy\n")
	require.NoError(t, p.Process.Kill())
	p.endKilled(t)
	eventually(notRunning, "it ended without a stop; its last status is of ")

	p = start(t, nil, "--nats-url", broker.URL(), "--id", pcID, "--data-dir", state)
	eventually(0, "healthy\n")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.end(t))
	eventually(notRunning, "nobody has the state folder "+state)
}
