package agent_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// fromOutside waits until the status file says something.
func fromOutside(t *testing.T, stateDir, message string, says func(agent.Status) bool) agent.Status {
	t.Helper()
	var s agent.Status
	var err error
	require.Eventually(t, func() bool {
		s, err = agent.ReadStatus(stateDir)
		return err == nil && says(s)
	}, patience, 20*time.Millisecond, message)
	return s
}

func healthy(s agent.Status) bool { return s.Ready && len(s.Problems()) == 0 }

func resource(s agent.Status, prefix string) agent.Resource {
	i := slices.IndexFunc(s.Resources, func(r agent.Resource) bool { return strings.HasPrefix(r.Name, prefix) })
	if i < 0 {
		return agent.Resource{}
	}
	return s.Resources[i]
}

func TestStatusFromOutside(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	began := time.Now()
	_, stop := s.start()
	got := fromOutside(t, s.cfg.StateDir, "not healthy", func(got agent.Status) bool {
		return healthy(got) && !resource(got, "consumer EXEC/").FineSince.IsZero()
	})
	require.Equal(t, s.cfg.ID, got.ID)
	require.True(t, got.Connected)
	require.Equal(t, os.Getpid(), got.PID)
	require.Equal(t, s.broker.URL(), got.Server)
	require.Equal(t, []string{s.broker.URL()}, got.Servers)
	for name, at := range map[string]time.Time{"started": got.StartedAt, "connected": got.Since, "at": got.At} {
		require.WithinRange(t, at, began.Add(-time.Second), time.Now().Add(time.Second), name)
		require.Equal(t, time.UTC, at.Location(), name)
	}
	require.True(t, got.Ledger.Writable)

	s.send(s.gated("r-1"))
	got = fromOutside(t, s.cfg.StateDir, "no command runs", func(got agent.Status) bool { return len(got.Commands.Runs) > 0 })
	run := got.Commands.Runs[0]
	require.WithinRange(t, run.Since, began.Add(-time.Second), time.Now())
	run.Since = time.Time{}
	require.Equal(t, agent.RunningCommand{ID: "job", RequestID: "r-1", Shell: "sh"}, run)
	raw, err := os.ReadFile(filepath.Join(s.cfg.StateDir, agent.StatusFile))
	require.NoError(t, err)
	require.NotContains(t, string(raw), s.counts, "nothing of the script")

	s.open()
	s.result("r-1")
	fromOutside(t, s.cfg.StateDir, "it is not over", func(got agent.Status) bool {
		return len(got.Commands.Runs) == 0 && got.Results.Pending == 0 && got.Results.Sent == 1
	})
	if runtime.GOOS != "windows" {
		info, err := os.Stat(filepath.Join(s.cfg.StateDir, agent.StatusFile))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

	stop()
	_, err = agent.ReadStatus(s.cfg.StateDir)
	require.ErrorIs(t, err, agent.ErrNotRunning)
	require.NoFileExists(t, filepath.Join(s.cfg.StateDir, agent.StatusFile), "a stop leaves none")
}

func TestStatusWithoutABroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Servers = []string{strings.Replace(s.broker.URL(), "nats://", "nats://s3cret@", 1)}
	a, _ := s.start()
	s.send(s.gated("r-1"))
	s.running(a, 1)
	lost := time.Now() // or later
	s.broker.Kill()
	s.open()
	got := fromOutside(t, s.cfg.StateDir, "does not say that it is disconnected", func(got agent.Status) bool {
		return !got.Connected && got.Results.Pending == 1 && resource(got, "connection").Error != "" // it has dialled again
	})
	require.WithinRange(t, got.Since, lost.Add(-time.Second), time.Now().Add(time.Second))
	require.WithinRange(t, got.Results.Oldest, lost.Add(-time.Second), time.Now().Add(time.Second))
	require.Empty(t, got.Server)
	require.Equal(t, []string{s.broker.URL()}, got.Servers, "without the token")
	problems := got.Problems()
	require.NotEmpty(t, problems)
	require.Equal(t, "connection", problems[0].What)
	require.Equal(t, got.Since, problems[0].Since)
	require.Contains(t, problems[0].Error, "connection refused")
	require.NotContains(t, problems[0].Text, "s3cret")

	s.broker.Start()
	fromOutside(t, s.cfg.StateDir, "not healthy again", func(got agent.Status) bool {
		return healthy(got) && got.Results.Pending == 0
	})
}

func TestStatusSaysWhichStreamIsMissing(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t) // and no streams
	cfg := newConfig(t, broker.URL())
	_, _ = startAgent(t, cfg)
	consumer := "consumer EXEC/" + wire.ReplayConsumer(pcID)
	got := fromOutside(t, cfg.StateDir, "does not wait for the stream", func(got agent.Status) bool {
		return got.Connected && resource(got, consumer).Reason == "missing" // a busy broker may give no answer at first
	})
	r := resource(got, consumer)
	require.Contains(t, r.Error, "stream not found")
	require.NotZero(t, r.Attempts)
	require.WithinRange(t, r.WaitingSince, got.StartedAt, got.At.Add(time.Second)) // the time is taken first
	problems := got.Problems()
	i := slices.IndexFunc(problems, func(p agent.Problem) bool { return p.What == consumer })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, "the broker has no stream EXEC; create it, or check that the agent uses the right account", problems[i].Advice)

	createStreams(t, broker.Connect())
	got = fromOutside(t, cfg.StateDir, "still waits", healthy)
	require.NotZero(t, resource(got, consumer).FineSince)
	require.Contains(t, resource(got, consumer).Error, "stream not found", "the last error stays")
}

func TestStatusSaysWhatTheBrokerRefuses(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`
		authorization { users = [
			{ user: boss, password: b }
			{ user: agent, password: a, permissions { publish: { allow: ["$JS.API.>", "_INBOX.>", "events.>", "obs.>"] }, subscribe: { allow: ["_INBOX.>", "commands.>"] } } }
		] }`))
	cfg := newConfig(t, broker.URL())
	cfg.User, cfg.Password = "agent", "a"
	_, _ = startAgent(t, cfg)
	got := fromOutside(t, cfg.StateDir, "no refusal", func(got agent.Status) bool {
		return got.Connected && resource(got, "permission to subscribe to kill.*").Reason == "denied"
	})
	r := resource(got, "permission to subscribe to kill.*")
	require.Contains(t, r.Error, "Permissions Violation")
	require.NotZero(t, r.WaitingSince)
	var wrong []string
	for _, p := range got.Problems() {
		wrong = append(wrong, p.What)
	}
	require.Contains(t, wrong, "permission to subscribe to kill.*")
	require.NotContains(t, wrong, "permission to subscribe to kill.*.>", "only execution IDs with dots need it")
	for _, what := range wrong {
		require.NotContains(t, what, " $", "what the agent can do without")
	}
}

// A fleet may send commands and have nothing else: no settings, no groups, no pins.
func TestStatusOfAnAgentWithoutBuckets(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := createStreams(t, broker.Connect())
	for _, b := range wire.Buckets() {
		require.NoError(t, js.DeleteKeyValue(t.Context(), b.Name))
	}
	cfg := newConfig(t, broker.URL())
	_, _ = startAgent(t, cfg)
	buckets := []string{"kv agent_groups", "kv agent_config", "kv script_current", "kv script_status"}
	got := fromOutside(t, cfg.StateDir, "not healthy, or not waiting", func(got agent.Status) bool {
		return healthy(got) && !slices.ContainsFunc(buckets, func(name string) bool { return resource(got, name).WaitingSince.IsZero() }) &&
			!resource(got, "consumer EXEC/").FineSince.IsZero() // it is made after the groups were looked for
	})
	for _, name := range buckets {
		require.Equal(t, "missing", resource(got, name).Reason, name)
	}
}
