package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	needsSh(t)
	return newBareSite(t)
}

// newBareSite is a site whose commands are no scripts.
func newBareSite(t *testing.T) *site {
	t.Helper()
	broker := jstest.StartBroker(t)
	dir := t.TempDir()
	return &site{
		backend: newBackend(t, broker), broker: broker, cfg: newConfig(t, broker.URL()),
		counts: filepath.Join(dir, "counts"), gate: filepath.Join(dir, "gate"),
	}
}

// start is an agent that takes commands.
func (s *site) start() (a *agent.Agent, stop func()) {
	s.t.Helper()
	a, stop = startAgent(s.t, s.cfg)
	ready(s.t, a)
	return a, stop
}

// counting is a command that counts itself and then does what script says.
func (s *site) counting(requestID, script string) wire.Command {
	return sh(requestID, "echo "+requestID+" >> '"+s.counts+"'\n"+script)
}

// sendMany sends commands that count themselves.
func (s *site) sendMany(n int, script string) (requestIDs []string) {
	s.t.Helper()
	for i := range n {
		id := fmt.Sprintf("r-%d-", i)
		requestIDs = append(requestIDs, id)
		s.send(s.counting(id, script))
	}
	return requestIDs
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
