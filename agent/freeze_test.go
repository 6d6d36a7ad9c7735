package agent_test

import (
	"flag"
	"testing"
	"time"

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
	s.putConfig(wire.ConfigKeyGlobal, "5m")
	a, _ := s.start()
	s.replayed(a, "before")
	during := s.sendMany(8, "sleep 1")
	s.eventually(func() bool { return a.Status().Commands.Received >= 2+uint64(len(during)) }, "not received")

	s.broker.Pause()
	began := time.Now()
	s.send(s.counting("frozen-in", "")) // it waits in the socket
	noticed := s.freeze(a, len(during))
	if *freezeFor > noticedWithin {
		require.Positive(t, noticed, "the agent takes a frozen broker for a live one")
	}
	s.broker.Resume()
	resumed := time.Now()
	t.Logf("frozen for %v; noticed after %v (0: not)", resumed.Sub(began).Round(time.Millisecond), noticed.Round(time.Millisecond))

	s.eventually(func() bool { return a.Status().Connected }, "no connection")
	t.Logf("connected %v after the broker went on", time.Since(resumed).Round(time.Millisecond))
	s.settled(a, append(during, "frozen-in")...)
	t.Logf("every command has its result after %v", time.Since(resumed).Round(time.Millisecond))
	revision := s.putConfig(wire.ConfigKeyGlobal, "20m")
	s.eventually(func() bool { return hasConfig(a, revision) }, "the settings are not current")
	t.Logf("new settings, put then, after %v", time.Since(resumed).Round(time.Millisecond))
	s.replayed(a, "after")
	stream, err := s.js.Stream(t.Context(), wire.StreamExec)
	require.NoError(t, err)
	require.Equal(t, 1, stream.CachedInfo().State.Consumers)
}

// freeze lets the time pass, and returns after how much of it the agent was not
// connected any more. The commands have ended by then; their results wait.
func (s *site) freeze(a *agent.Agent, commands int) (noticed time.Duration) {
	s.t.Helper()
	began := time.Now()
	for tick := time.NewTicker(10 * time.Millisecond); time.Since(began) < *freezeFor; <-tick.C {
		if noticed == 0 && !a.Status().Connected {
			noticed = time.Since(began)
		}
	}
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
