package agent_test

import (
	"flag"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

var freezeFor = flag.Duration("freeze", 2*time.Second, "how long the broker of TestABrokerProcessThatFreezes is stopped; 90s for the full check")

// noticedWithin is when an agent has given up a broker that answers nothing: two
// pings, and the one that would be the third.
const noticedWithin = 45 * time.Second

// The process of the broker stands still while commands run and end, and goes on
// as if nothing had been. Whether the agent has noticed by then depends on the
// flag; everything is done once either way.
func TestABrokerProcessThatFreezes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	noticed := s.throughFreeze(a, func(frozen time.Duration) bool { return frozen >= *freezeFor })
	if *freezeFor > noticedWithin {
		require.Positive(t, noticed, "the agent takes a frozen broker for a live one")
	}
}

// The same in short: with pings every second the agent notices, drops the
// connection, and comes back to the broker that goes on.
func TestAFrozenBrokerIsNoticedByItsPings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nc := s.broker.Connect(nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(), nats.FlusherTimeout(2*time.Second), nats.Timeout(2*time.Second))
	s.cfg.Servers = nil
	a, _ := startAgent(t, s.cfg, agent.WithNATS(nc))
	ready(t, a)
	noticed := s.throughFreeze(a, func(time.Duration) bool { return !a.Status().Connected })
	require.Positive(t, noticed)
	require.NotZero(t, nc.Stats().Reconnects)
}

// throughFreeze stops the broker while commands run until enough says that it has
// been long enough. It returns after how much of it the agent was not connected
// any more; zero: it was to the end.
func (s *site) throughFreeze(a *agent.Agent, enough func(frozen time.Duration) bool) (noticed time.Duration) {
	s.t.Helper()
	s.putConfig(wire.ConfigKeyGlobal, "5m")
	s.replayed(a, "before")
	during := s.sendMany(8, "sleep 1")
	s.eventually(func() bool { return arrived(a) == 1+len(during) }, "not received")

	s.broker.Pause()
	began := time.Now()
	s.send(s.counting("frozen-in", "")) // it waits in the socket
	noticed = s.freeze(a, len(during), enough)
	s.broker.Resume()
	resumed := time.Now()
	s.t.Logf("frozen for %v; noticed after %v (0: not)", resumed.Sub(began).Round(time.Millisecond), noticed.Round(time.Millisecond))

	s.eventually(func() bool { return a.Status().Connected }, "no connection")
	s.t.Logf("connected %v after the broker went on", time.Since(resumed).Round(time.Millisecond))
	s.settled(a, append(during, "frozen-in")...)
	s.t.Logf("every command has its result after %v", time.Since(resumed).Round(time.Millisecond))
	revision := s.putConfig(wire.ConfigKeyGlobal, "20m")
	s.eventually(func() bool { return hasConfig(a, revision) }, "the settings are not current")
	s.t.Logf("new settings, put then, after %v", time.Since(resumed).Round(time.Millisecond))
	s.replayed(a, "after")
	stream, err := s.js.Stream(s.t.Context(), wire.StreamExec)
	require.NoError(s.t, err)
	require.Equal(s.t, 1, stream.CachedInfo().State.Consumers)
	return noticed
}

// freeze lets the time pass. The commands have ended after it; their results wait.
func (s *site) freeze(a *agent.Agent, commands int, enough func(time.Duration) bool) (noticed time.Duration) {
	s.t.Helper()
	began := time.Now()
	require.Eventually(s.t, func() bool {
		if noticed == 0 && !a.Status().Connected {
			noticed = time.Since(began)
		}
		return enough(time.Since(began))
	}, *freezeFor+patience, 10*time.Millisecond, "the agent does not notice that the broker is frozen")
	s.eventually(func() bool {
		now := a.Status()
		return now.Commands.Running+now.Commands.Waiting == 0 && now.Results.Put == uint64(1+commands)
	}, "commands do not go on without the broker")
	return noticed
}

func hasConfig(a *agent.Agent, revision uint64) bool {
	for _, scope := range a.Status().Settings {
		if scope.Scope == wire.BucketAgentConfig {
			return scope.StaleSince.IsZero() && scope.Revision == revision
		}
	}
	return false
}
