package agent_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The tests of e2e_test.go have scripts for sh; these have scripts for cmd.

func cmdLines(requestID, script string) wire.Command {
	c := sh(requestID, script)
	c.Shell = "cmd"
	return c
}

// endless is a script that first counts itself and then runs until somebody ends it.
func endless(requestID, count string) wire.Command {
	c := cmdLines(requestID, "echo x>>\""+count+"\"\n:again\ngoto again\n")
	c.ExecID = "exec-" + requestID
	return c
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func requireRunning(t *testing.T, a *agent.Agent, count string) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(count)
		return err == nil && string(text) == "x\r\n" && a.Status().Commands.Running == 1
	}, patience, time.Millisecond)
}

func TestACmdCommandYieldsExactlyOneResult(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, stop := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	b.send(cmdLines("r-1", "echo hello\necho oops>&2\nexit /b 3\n"))
	r := b.result("r-1")
	require.Equal(t, "hello\r\n", r.Stdout)
	require.Equal(t, "oops\r\n", r.Stderr)
	require.EqualValues(t, 3, r.ExitCode)
	require.Equal(t, wire.ResultID("r-1", pcID), r.ResultID)
	stop()
	require.Len(t, b.results("r-1"), 1)
}

// The state folder is opened, closed and opened again, with its ledger and its locks.
func TestACmdCommandRunsOnceOverRestarts(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	count := filepath.Join(t.TempDir(), "count")
	b.send(cmdLines("before", "echo x>>\""+count+"\""))
	require.NoError(t, b.nc.Flush())
	for range 3 {
		a, stop := startAgent(t, cfg)
		ready(t, a)
		b.result("before")
		stop()
	}
	require.Equal(t, "x\r\n", readFile(t, count))
	require.Len(t, b.results("before"), 1)
}

func TestACmdResultOutlivesTheBroker(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	gate := filepath.Join(t.TempDir(), "gate")
	b.send(cmdLines("r", ":again\nif not exist \""+gate+"\" goto again\necho through\n"))
	require.Eventually(t, func() bool { return a.Status().Commands.Running == 1 }, patience, time.Millisecond)
	broker.Kill()
	require.NoError(t, os.WriteFile(gate, nil, 0o600)) // the command ends while nobody is there
	require.Eventually(t, func() bool { return a.Status().Results.Pending == 1 }, patience, time.Millisecond)
	broker.Start()
	require.Equal(t, "through\r\n", b.result("r").Stdout)
	require.Eventually(t, func() bool { return a.Status().Results.Pending == 0 }, patience, time.Millisecond)
	require.Len(t, b.results("r"), 1)
}

func TestAKillEndsARunningCmd(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	count := filepath.Join(t.TempDir(), "count")
	b.send(endless("r", count))
	requireRunning(t, a, count)
	require.NoError(t, b.nc.Publish(wire.KillSubject("exec-r"), nil))
	r := b.result("r")
	require.EqualValues(t, wire.ExitFailed, r.ExitCode)
	require.Contains(t, r.Stderr, "killed by remote signal (kill.exec-r)")
	require.Equal(t, "x\r\n", readFile(t, count))
}

func TestAStopEndsARunningCmdAndReportsIt(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	cfg.Grace = 0
	a, stop := startAgent(t, cfg)
	ready(t, a)
	count := filepath.Join(t.TempDir(), "count")
	b.send(endless("r", count))
	requireRunning(t, a, count)
	stop()
	r := b.result("r")
	require.EqualValues(t, wire.ExitFailed, r.ExitCode)
	require.Contains(t, r.Stderr, "the agent stopped")
}
