package agent_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// Of a burst the stream keeps the last command only: what the broker has sent to
// an agent that stops is nowhere else.
func TestWhatWasSentBeforeAStopIsNotLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Concurrency = 1
	_, stop := s.start()
	all := s.sendMany(500, "")
	require.NoError(t, s.nc.Flush()) // the broker has sent them all
	stop()
	a, _ := s.start()
	s.settled(a, all...)
}

// A broker that is frozen while results go out must not hold up the stop beyond
// the 20 s of a service manager: the client writes for up to a minute
// (nats.FlusherTimeout) with its lock held.
func TestAFrozenBrokerDoesNotHoldUpTheStop(t *testing.T) {
	s := newSite(t)
	a, stop := s.start()
	const n = 120
	for i := range n {
		c := s.gated(fmt.Sprint("r-", i))
		c.Script += "; head -c 250000 /dev/zero | tr '\\0' x; head -c 250000 /dev/zero | tr '\\0' x >&2"
		s.send(c)
	}
	s.eventually(func() bool { // what was received counts the stream's copies too
		now := a.Status()
		return now.Commands.Running > 0 && now.Ledger.Accepted+now.Ledger.Started == n
	}, "commands do not run")
	s.broker.Pause()
	t.Cleanup(s.broker.Resume)
	s.open()
	s.pending(a, n)
	time.Sleep(time.Second) // the client's buffers are full, and it writes
	began := time.Now()
	stop()
	t.Logf("stop took %v", time.Since(began))
	require.Less(t, time.Since(began), 20*time.Second)
}

// A script that ignores SIGTERM, and whose child keeps stdout, takes 3 + 2 s to
// be ended by package exec; endGrace is 7.5 s. Its result must be there all the
// same, as -1, not as 121 after the next start.
func TestAStubbornScriptHasItsResultAtTheStop(t *testing.T) {
	s := newSite(t)
	s.cfg.Grace = 0
	a, stop := s.start()
	s.send(s.counting("r", "trap '' TERM; : > '"+s.gate+"'; setsid sleep 30 & while :; do sleep 0.2; done"))
	s.running(a, 1)
	s.eventually(func() bool {
		_, err := os.Stat(s.gate)
		return err == nil
	}, "the trap is not set")
	began := time.Now()
	stop()
	t.Logf("stop took %v after a grace of 0", time.Since(began))
	require.Len(t, s.results("r"), 1, "the result of an orderly stop is lost; the next start says 121")
	require.EqualValues(t, -1, s.results("r")[0].ExitCode)
}

// The client dials with its lock held, for up to 5 s: a stop that has used up its
// grace must not wait for that too.
func TestAStopWhileTheClientDials(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	proxy := s.throughProxy()
	running, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	deaf := agent.HandlerFunc(func(context.Context, agent.Job) error {
		close(running)
		<-release
		return nil
	})
	a, stop := startAgent(t, s.cfg, agent.WithHandler("deaf", deaf, agent.ReportInterrupted))
	ready(t, a)
	c := sh("deaf", "")
	c.Shell = "deaf"
	s.send(c)
	<-running
	proxy.Freeze()
	proxy.Cut()
	s.eventually(func() bool { return !a.Status().Connected }, "still connected")
	began := time.Now()
	stop()
	t.Logf("stop took %v", time.Since(began))
	require.Less(t, time.Since(began), 20*time.Second)
}
