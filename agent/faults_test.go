package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The broker forgets everything: streams, consumers, what it had. The agent
// goes on when the backend has created the streams again.
func TestAWipedBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	before := s.counting("before", "")
	s.send(before)
	s.settled(a, "before")
	s.send(s.gated("during"))
	s.running(a, 1)

	s.broker.Kill()
	s.broker.Wipe()
	s.open()
	s.pending(a, 1)
	s.broker.Start()
	s.eventually(func() bool { return a.Status().Connected && s.nc.IsConnected() }, "no connection")
	s.eventually(func() bool { // the agent may be subscribed only in a moment
		s.send(s.counting("streamless", ""))
		return a.Status().Results.Pending == 2
	}, "no live command without a stream")

	createStreams(t, s.nc)
	s.settled(a, "during", "streamless")
	duplicates := a.Status().Commands.Duplicates
	s.send(before) // the backend has lost its result
	s.eventually(func() bool { return a.Status().Commands.Duplicates > duplicates }, "not received")
	s.settled(a, "during", "streamless")
	require.Equal(t, 1, s.runs("before"), "a wiped broker does not make a command new")
}

func TestStreamsThatAreMissingForAWhile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	s.replayed(a, "first")
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamExec))
	all := s.sendMany(5, "")
	s.pending(a, len(all))
	s.eventually(func() bool { return a.Status().Results.Failed > 0 }, "no publish was tried")
	createStreams(t, s.nc)
	s.settled(a, all...)
	s.replayed(a, "again")
}

// replayed checks that the stream delivers to the agent.
func (s *site) replayed(a *agent.Agent, requestID string) {
	s.t.Helper()
	name := wire.ReplayConsumer(s.cfg.ID)
	s.eventually(func() bool { // replayed copies of earlier commands would be counted too
		c, err := s.js.Consumer(s.t.Context(), wire.StreamExec, name)
		return err == nil && c.CachedInfo().NumWaiting > 0 && c.CachedInfo().NumPending+uint64(c.CachedInfo().NumAckPending) == 0
	}, "nobody waits at the stream")
	before := a.Status().Commands.Received
	s.send(s.counting(requestID, ""))
	s.eventually(func() bool { return a.Status().Commands.Received >= before+2 }, "not received twice")
	s.settled(a, requestID)
}

// arrived counts the commands that the agent has, each once. Received counts copies: it may
// be high enough while some commands are still on their way.
func arrived(a *agent.Agent) int {
	l := a.Status().Ledger
	return l.Accepted + l.Started + l.Finished
}

// setResultsLimit bounds the stream of results as an operator may do who wants
// publishers to be told rather than the oldest to go.
func (s *site) setResultsLimit(bytes int64) {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), wire.StreamResults)
	require.NoError(s.t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes, cfg.Discard = bytes, jetstream.DiscardNew
	_, err = s.js.UpdateStream(s.t.Context(), cfg)
	require.NoError(s.t, err)
}

func TestResultsWaitForRoomInTheirStream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setResultsLimit(16 << 10)
	a, _ := s.start()
	all := s.sendMany(8, "head -c 4000 /dev/zero | tr '\\0' x")
	s.eventually(func() bool {
		r := a.Status().Results
		return r.Put == 8 && r.Sent == 3 && r.Failed >= 5 && r.Pending == 5
	}, "the stream takes more than it may, or less")

	s.setResultsLimit(-1)
	s.settled(a, all...)
}

// throughProxy puts a bad network between agent and broker; the backend has a
// good one.
func (s *site) throughProxy() *jstest.Proxy {
	s.t.Helper()
	p := jstest.StartProxy(s.t, s.broker.URL())
	s.cfg.Servers = []string{p.URL()}
	return p
}

func TestASlowBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	proxy := s.throughProxy()
	proxy.Delay(200 * time.Millisecond)
	a, _ := s.start()
	all := s.sendMany(20, "")
	s.settled(a, all...)
}

func TestABrokerThatFreezes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	proxy := s.throughProxy()
	a, _ := s.start()
	s.send(s.gated("during"))
	s.running(a, 1)
	proxy.Freeze()
	s.open()
	s.pending(a, 1)
	s.send(s.counting("frozen-in", ""))
	require.True(t, a.Status().Connected, "nobody has noticed")
	proxy.Thaw()
	s.settled(a, "during", "frozen-in")
}

func TestAConnectionThatIsCutAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	proxy := s.throughProxy()
	a, _ := s.start()
	var all []string
	for n := range 10 {
		id := fmt.Sprint("r-", n)
		all = append(all, id)
		c := s.counting(id, "")
		proxy.Cut()
		s.eventually(func() bool { // of several commands the stream keeps one, so each is repeated until it is answered
			s.send(c)
			return len(s.results(id)) > 0
		}, "no result")
	}
	s.settled(a, all...)
}

func TestAnAcknowledgementThatIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	proxy := s.throughProxy()
	a, _ := s.start()
	s.send(s.gated("r"))
	s.running(a, 1)
	proxy.LoseReplies()
	s.open()
	s.result("r")
	require.Equal(t, 1, a.Status().Results.Pending, "unacknowledged is not delivered")
	proxy.Cut()
	s.settled(a, "r")
	require.EqualValues(t, 1, a.Status().Results.Duplicates)
}
