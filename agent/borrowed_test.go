package agent_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/internal/logtest"
)

// stopBudget is what a service manager waits for.
const stopBudget = 20 * time.Second

// blocked reports that the lock of a connection is held.
func blocked(nc *nats.Conn) bool {
	free := make(chan struct{})
	go func() {
		nc.IsConnected()
		close(free)
	}()
	select {
	case <-free:
		return false
	case <-time.After(time.Second):
		return true
	}
}

// within fails the test when f takes longer than a stop may.
func within(t *testing.T, f func(), what string) {
	t.Helper()
	began, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		t.Logf("%s took %v", what, time.Since(began).Round(time.Millisecond))
	case <-time.After(stopBudget):
		require.Fail(t, what+" hangs")
	}
}

// A connection that was brought along without a write timeout: what nats.go writes
// to a broker that does not read, it writes for ever, with the lock held that all
// of its methods want.
func TestABorrowedConnectionThatIsBlockedHoldsUpNothing(t *testing.T) {
	s := newSite(t)
	nc := s.broker.Connect(nats.FlusherTimeout(0))
	s.cfg.Servers = nil
	var log logtest.Buffer
	a, stop := startAgent(t, s.cfg, agent.WithNATS(nc), agent.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	ready(t, a)
	require.Contains(t, log.String(), "nats.FlusherTimeout(2*time.Second)")
	s.eventually(func() bool { return a.Status().Server != "" }, "the server is not known")
	const n = 40
	for i := range n {
		c := s.gated(fmt.Sprint("r-", i))
		c.Script += "; head -c 250000 /dev/zero | tr '\\0' x; head -c 250000 /dev/zero | tr '\\0' x >&2"
		s.send(c)
	}
	s.eventually(func() bool { return a.Status().Commands.Running > 0 && arrived(a) == n }, "commands do not run")
	s.broker.Pause()
	t.Cleanup(s.broker.Resume)
	s.open()
	s.pending(a, n)
	s.eventually(func() bool { return blocked(nc) }, "the connection is not blocked")

	within(t, func() { require.True(t, a.Status().Connected) }, "Status")
	within(t, stop, "the stop")
	require.Contains(t, log.String(), "are still blocked")

	b, _ := startAgent(t, s.cfg, agent.WithNATS(nc))
	s.eventually(func() bool { return b.Status().Running }, "it does not start on a connection that is blocked")
	require.True(t, blocked(nc))
	s.broker.Resume()
	ready(t, b)
	for i := range n {
		require.Zero(t, s.result(fmt.Sprint("r-", i)).ExitCode)
	}
	s.pending(b, 0)
	s.send(s.counting("later", ""))
	require.Zero(t, s.result("later").ExitCode)
	require.True(t, nc.IsConnected(), "it is not the agent's to close")
}
