package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// site is a host and its backend. Every script on it counts itself, so that a
// second run shows.
type site struct {
	*backend
	broker *jstest.Broker
	cfg    agent.Config
	counts string
	gate   string
}

func newSite(t *testing.T) *site {
	t.Helper()
	broker := jstest.StartBroker(t)
	dir := t.TempDir()
	return &site{
		backend: newBackend(t, broker), broker: broker, cfg: newConfig(t, broker.URL()),
		counts: filepath.Join(dir, "counts"), gate: filepath.Join(dir, "gate"),
	}
}

// counting is a command that counts itself and then does what script says.
func (s *site) counting(requestID, script string) wire.Command {
	return sh(requestID, "echo "+requestID+" >> '"+s.counts+"'\n"+script)
}

// gated is a command that runs until open.
func (s *site) gated(requestID string) wire.Command {
	return s.counting(requestID, "while ! [ -e '"+s.gate+"' ]; do sleep 0.05; done; echo through")
}

func (s *site) open() { require.NoError(s.t, os.WriteFile(s.gate, nil, 0o600)) }

func (s *site) eventually(done func() bool, message string) {
	s.t.Helper()
	require.Eventually(s.t, done, patience, 5*time.Millisecond, message)
}

func (s *site) runs(requestID string) int {
	s.t.Helper()
	text, err := os.ReadFile(s.counts)
	if !os.IsNotExist(err) {
		require.NoError(s.t, err)
	}
	return strings.Count(string(text), requestID+"\n")
}

// settled waits until nothing is on its way in the agent, and checks that each
// command ran once and has one result.
func (s *site) settled(a *agent.Agent, requestIDs ...string) {
	s.t.Helper()
	for _, id := range requestIDs {
		require.Zero(s.t, s.result(id).ExitCode, id)
	}
	s.eventually(func() bool {
		now := a.Status()
		return now.Results.Pending == 0 && now.Commands.Running == 0 && now.Commands.Waiting == 0
	}, "the agent does not come to rest")
	for _, id := range requestIDs {
		found := s.results(id)
		require.Len(s.t, found, 1, id)
		require.Equal(s.t, wire.ResultID(id, s.cfg.ID), found[0].ResultID)
		require.Equal(s.t, 1, s.runs(id), id)
	}
}

func (s *site) pending(a *agent.Agent, n int) {
	s.t.Helper()
	s.eventually(func() bool { return a.Status().Results.Pending == n }, fmt.Sprintf("not %d results pending", n))
}

func (s *site) running(a *agent.Agent, n int) {
	s.t.Helper()
	s.eventually(func() bool { return a.Status().Commands.Running == n }, fmt.Sprintf("not %d commands running", n))
}

// The broker forgets everything: streams, consumers, what it had. The agent
// goes on when the backend has created the streams again.
func TestAWipedBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
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
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	s.replayed(a, "first")
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamExec))
	var all []string
	for n := range 5 {
		id := fmt.Sprint("r-", n)
		all = append(all, id)
		s.send(s.counting(id, ""))
	}
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
	s.eventually(func() bool {
		c, err := s.js.Consumer(s.t.Context(), wire.StreamExec, name)
		return err == nil && c.CachedInfo().NumWaiting > 0
	}, "nobody waits at the stream")
	before := a.Status().Commands.Received
	s.send(s.counting(requestID, ""))
	s.eventually(func() bool { return a.Status().Commands.Received == before+2 }, "not received twice")
	s.settled(a, requestID)
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
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	var all []string
	for n := range 8 {
		id := fmt.Sprint("r-", n)
		all = append(all, id)
		s.send(s.counting(id, "head -c 4000 /dev/zero | tr '\\0' x"))
	}
	s.eventually(func() bool {
		r := a.Status().Results
		return r.Put == 8 && r.Sent == 3 && r.Failed >= 5
	}, "the stream takes more than it may")
	require.Equal(t, 5, a.Status().Results.Pending)

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
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	var all []string
	for n := range 20 {
		id := fmt.Sprint("r-", n)
		all = append(all, id)
		s.send(s.counting(id, ""))
	}
	s.settled(a, all...)
}

func TestABrokerThatFreezes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	proxy := s.throughProxy()
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
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
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
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
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
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

// A cloned disk or a renamed host: what the other one has accepted is neither
// run nor reported, and does not make a command of this one a duplicate. A
// result that the other one has left goes out as it is.
func TestAStateFolderOfAnotherHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Concurrency, s.cfg.Grace = 1, 0
	first, stop := startAgent(t, s.cfg)
	ready(t, first)
	s.send(s.counting("done", ""))
	s.settled(first, "done")
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	s.send(s.counting("left", ""))
	s.pending(first, 1)
	s.send(s.gated("started"))
	s.running(first, 1)
	s.send(s.counting("accepted", ""))
	s.eventually(func() bool { return first.Status().Commands.Waiting == 1 }, "not accepted")
	stop() // "started" is ended and has its result

	theirs := []string{"left", "started"}
	s.cfg.ID = "PC-2"
	second, _ := startAgent(t, s.cfg)
	ready(t, second)
	createStreams(t, s.nc)
	s.pending(second, 0)
	for _, id := range theirs {
		require.Len(t, s.results(id), 1)
		require.Equal(t, pcID, s.results(id)[0].PCID)
	}
	require.Empty(t, s.results("accepted"))
	require.Zero(t, s.runs("accepted"))

	for _, id := range []string{"done", "accepted"} { // the same IDs, as in a command to all hosts
		data, err := s.counting(id, "").Encode()
		require.NoError(t, err)
		require.NoError(t, s.nc.Publish(wire.CommandsAll(), data))
		require.Equal(t, "PC-2", s.result(id).PCID)
	}
	require.Equal(t, 2, s.runs("done"), "once on each host")
	require.Equal(t, 1, s.runs("accepted"))
}

// Two hosts answer one command to all; the result of the first one is still in
// the folder when the second one has its own.
func TestAResultOfAnotherHostDoesNotHideTheOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	command, err := s.counting("r", "").Encode()
	require.NoError(t, err)
	for _, id := range []string{pcID, "PC-2"} {
		s.cfg.ID = id
		a, stop := startAgent(t, s.cfg)
		ready(t, a)
		s.eventually(func() bool { // repeated, should it come twice: the replay brings it too
			require.NoError(t, s.nc.Publish(wire.CommandsAll(), command))
			return a.Status().Results.Put+a.Status().Results.Kept == 1
		}, "no result stored")
		stop()
	}
	createStreams(t, s.nc)
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	s.pending(a, 0)
	require.Equal(t, 2, s.runs("r"))
	var hosts []string
	for _, r := range s.results("r") {
		hosts = append(hosts, r.PCID)
	}
	require.ElementsMatch(t, []string{pcID, "PC-2"}, hosts)
}
