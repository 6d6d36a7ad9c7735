package agent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// A command of an execution runs to its end while nobody is there: nothing about its
// timeout, its end or its result waits for the broker.
func TestARunOfAnExecutionEndsWithoutTheBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	exits := s.gated("exits")
	late := s.counting("times-out", "while ! [ -e '"+s.gate+"' ]; do sleep 0.05; done; sleep 1000")
	exits.ExecID, late.ExecID = "exec-exit", "exec-time"
	late.TimeoutSecs = 10 // that of the other one must not pass before the gate opens, nor this one before the broker is gone
	s.send(exits)
	s.send(late)
	s.running(a, 2)
	s.broker.Kill()
	s.open()
	s.pending(a, 2)
	s.broker.Start()
	require.Equal(t, "through\n", s.result("exits").Stdout)
	require.EqualValues(t, -1, s.result("times-out").ExitCode)
	require.Equal(t, wire.TimeoutNote(10), s.result("times-out").Stderr)
}

// The broker is away at first, and comes back without anything it had: the host is
// heard each time, as often as the settings say, without a restart.
func TestHeartbeatsOutliveAWipedBroker(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.broker.Kill()
	s.broker.Wipe()
	a, _ := startAgent(t, s.cfg)
	s.eventually(func() bool { return a.Status().Running }, "it does not start without a broker")

	first := s.heartbeats(a)
	s.broker.Kill()
	s.broker.Wipe()
	second := s.heartbeats(a)
	require.False(t, second.Before(first), "%v before %v", second, first)
}

// heartbeats starts a broker that has nothing, creates what a backend does, asks for a
// heartbeat a second, and returns the time of one that came of it.
func (s *site) heartbeats(a *agent.Agent) time.Time {
	s.t.Helper()
	s.broker.Start()
	s.nc = s.broker.Connect()
	sub, err := s.nc.SubscribeSync(wire.HeartbeatSubject(pcID))
	require.NoError(s.t, err)
	s.js = createStreams(s.t, s.nc)
	settings, err := s.js.KeyValue(s.t.Context(), wire.BucketAgentConfig)
	require.NoError(s.t, err)
	_, err = settings.Put(s.t.Context(), wire.ConfigKeyGlobal, []byte(`{"heartbeat_interval":"1s"}`))
	require.NoError(s.t, err)
	s.eventually(func() bool {
		for _, view := range a.Status().Settings {
			if view.Scope == wire.BucketAgentConfig {
				return view.Revision == 1
			}
		}
		return false
	}, "the settings are not read")
	var at time.Time
	for range 3 { // the first may be of the cadence before
		m, err := sub.NextMsg(patience)
		require.NoError(s.t, err)
		beat, err := wire.DecodeHeartbeat(m.Data)
		require.NoError(s.t, err)
		require.Equal(s.t, pcID, beat.PCID)
		at = beat.At
	}
	return at
}
