package agentcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kardianos/service"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry/jstest"
)

// statusNow is when the golden pages are looked at.
var statusNow = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return statusNow.Add(-d) }

func healthyStatus() agent.Status {
	return agent.Status{
		ID: "pc-1", Version: "1.2.3", Running: true, PID: 4711, StartedAt: before(50 * time.Hour), At: before(2 * time.Second), Ready: true,
		Connected: true, Since: before(3 * time.Hour), Server: "nats://broker.example:4222", Servers: []string{"nats://broker.example:4222"},
		Schedules: agent.ScheduleStatus{Armed: 3, Running: 1, Next: before(-90 * time.Minute), Fired: 7},
		Commands: agent.CommandStatus{
			AtOnce:  4,
			Waiting: 1, Running: 2, Received: 40, Duplicates: 3,
			Runs: []agent.RunningCommand{
				{ID: "backup", RequestID: "req-17", Shell: "sh", Since: before(4 * time.Minute)},
				{ID: "inventory", RequestID: "req-18", Shell: "pwsh", Since: before(time.Second)},
			},
		},
		Ledger:  agent.LedgerStatus{Writable: true, Accepted: 1, Started: 2, Finished: 37},
		Results: outbox.Stats{Pending: 1, Bytes: 1234, Oldest: before(time.Second), Put: 37, Sent: 36},
		Starts:  outbox.Stats{Sent: 40},
		Resources: []agent.Resource{
			{Name: "consumer EXEC/agent_replay_pc-1", FineSince: before(3 * time.Hour), Error: "nats: timeout", Reason: "no-answer", ErrorAt: before(3 * time.Hour)},
			{Name: "kv agent_config", FineSince: before(3 * time.Hour)},
		},
		Settings: []agent.ScopeStatus{{Scope: "global", Revision: 17}, {Scope: "pcs.pc-1", Revision: 4, StaleSince: before(time.Minute)}},
	}
}

func sickStatus() agent.Status {
	s := healthyStatus()
	s.Connected, s.Since, s.Server, s.Settings = false, before(12*time.Minute), "", nil
	s.Commands = agent.CommandStatus{Received: 40, Blocked: true, Dropped: 2}
	s.Ledger = agent.LedgerStatus{Error: "write: no space left on device", Since: before(time.Minute), Accepted: 1}
	s.Results = outbox.Stats{Pending: 12, Bytes: 5 << 20, Oldest: before(11 * time.Minute), Stuck: 1, StuckBytes: 10, OldestStuck: before(72 * time.Hour)}
	s.Resources = []agent.Resource{
		{Name: "stream EXEC", WaitingSince: before(20 * time.Minute), Attempts: 14, Error: "nats: API error: code=404 err_code=10059 description=stream not found", Reason: "missing", ErrorAt: before(time.Minute)},
		{Name: "kv agent_config", WaitingSince: before(11 * time.Minute), Attempts: 9, Error: "context deadline exceeded", Reason: "no-answer", ErrorAt: before(time.Minute)},
		{Name: "permission to subscribe to kill.*", Error: "not allowed", Reason: "denied", ErrorAt: before(time.Hour)},
	}
	return s
}

// unsettledStatus is of an agent whose buckets have all that they can have.
func unsettledStatus() agent.Status {
	s := healthyStatus()
	s.Settings = []agent.ScopeStatus{
		{Scope: "global", Revision: 17},
		{Scope: "agent_groups", MissingSince: before(3 * time.Hour)},
		{Scope: "agent_config", Revision: 17, StaleSince: before(time.Hour), Unreadable: "context deadline exceeded"},
		{Scope: "script_current", Revision: 9, Problems: []string{"the broker refuses to let this agent ask the leader", "rows that are not used as they are: \x1b[2Jjob"}},
		{Scope: "script_status", Revision: 4, StaleSince: before(time.Minute), Failure: "holds too much", Problems: []string{"holds too much", "rows are gone: 2"}},
	}
	return s
}

func page(t *testing.T, a statusAnswer) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, a.print(&out, false, statusNow))
	return out.String()
}

func TestStatusPages(t *testing.T) {
	t.Parallel()
	systemd := serviceStatus{Name: "kanade-agent", State: "running", Manager: "linux-systemd"}
	healthy, sick, unsettled, hostileOne := healthyStatus(), sickStatus(), unsettledStatus(), healthyStatus()
	hostileOne.ID, hostileOne.Server = "pc\x1b[2J", "nats://\u202eevil"
	hostileOne.Commands.Runs[0].ID = "job\nfake line"
	hostileOne.Resources = []agent.Resource{{Name: "stream \x00", WaitingSince: statusNow.Add(time.Hour), Attempts: -1, Error: "\x1b]0;x\x07", ErrorAt: statusNow.Add(-1 << 62)}}
	for name, answer := range map[string]statusAnswer{
		"healthy":  {Service: systemd, Agent: agentStatus{State: "running", Status: &healthy}},
		"sick":     {Service: systemd, Agent: agentStatus{State: "running", Problems: sick.Problems(), Status: &sick}},
		"settings": {Service: systemd, Agent: agentStatus{State: "running", Problems: unsettled.Problems(), Status: &unsettled}},
		"stopped": {
			Service: serviceStatus{Name: "kanade-agent", State: "stopped", Manager: "linux-systemd"},
			Agent:   agentStatus{State: "stopped", Error: "agent: not running: nobody has the state folder /var/lib/kanade"},
		},
		"stale": {
			Service: serviceStatus{Name: "kanade-agent", State: "unknown", Error: "no service system"},
			Agent:   agentStatus{State: "stale", Error: "agent: status is out of date", Status: &healthy},
		},
		"hostile": {Service: systemd, Agent: agentStatus{State: "running", Problems: hostileOne.Problems(), Status: &hostileOne}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := page(t, answer)
			golden := filepath.Join("testdata", "status", name+".txt")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
			require.NotContains(t, got, "\x1b")
			require.NotContains(t, got, "\u202e")
		})
	}
}

func TestStatusAsJSON(t *testing.T) {
	t.Parallel()
	sick := sickStatus()
	answer := statusAnswer{
		Service: serviceStatus{Name: "kanade-agent", State: "running", Manager: "linux-systemd"},
		Agent:   agentStatus{State: "running", StateDir: "/var/lib/kanade", Problems: sick.Problems(), Status: &sick},
	}
	var out bytes.Buffer
	require.NoError(t, answer.print(&out, true, statusNow))
	golden := filepath.Join("testdata", "status", "sick.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		var pretty bytes.Buffer
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
		require.NoError(t, json.Indent(&pretty, out.Bytes(), "", "  "))
		require.NoError(t, os.WriteFile(golden, pretty.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.JSONEq(t, string(want), out.String(), "the names are stable")
	require.Equal(t, 1, strings.Count(out.String(), "\n"), "one line")
}

// foreground is an agent over a fake broker, with a state folder for status.
func foreground(t *testing.T) (stateDir string, fake *jstest.Fake, stop func()) {
	t.Helper()
	fake = jstest.NewFake()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = "pc-1", t.TempDir()
	a, err := agent.New(cfg, agent.WithTransport(fake.Conn(), fake.JetStream()), agent.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return cfg.StateDir, fake, stop
}

// answers asks until the answer has the code, and returns it.
func (b *bench) answers(t *testing.T, code int, args ...string) (out string) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := b.do(t, append([]string{"status"}, args...)...)
		out = text
		return ExitCode(err) == code && (err == nil || err.Error() == "")
	}, time.Minute, 20*time.Millisecond, "never %d", code)
	return out
}

func TestStatusOfAnAgentInTheForeground(t *testing.T) {
	t.Parallel()
	dir, fake, stop := foreground(t)
	b := newBench(t, nil)
	b.service.err = service.ErrNotInstalled
	args := []string{"--data-dir", dir}
	out := b.answers(t, ExitUnhealthy, args...) // it has no stream
	require.Eventually(t, func() bool {
		out, _ = b.do(t, append([]string{"status"}, args...)...)
		return strings.Contains(out, "the broker has no stream EXEC; create it")
	}, time.Minute, 20*time.Millisecond, "%s", out)

	for _, s := range wire.Streams() {
		_, err := fake.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects})
		require.NoError(t, err)
	}
	for _, b := range wire.Buckets() {
		_, err := fake.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: b.Name})
		require.NoError(t, err)
	}
	out = b.answers(t, ExitOK, args...)
	require.Contains(t, out, "service "+defaultServiceName+" (fake): not-installed\nagent pc-1, version 0.0.0: healthy\n")

	out = b.answers(t, ExitOK, append(args, "--json")...)
	var answer statusAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.True(t, answer.Healthy)
	require.Equal(t, serviceStatus{Name: defaultServiceName, State: "not-installed", Manager: "fake"}, answer.Service)
	require.Equal(t, "running", answer.Agent.State)
	require.Equal(t, dir, answer.Agent.StateDir)
	require.Equal(t, "pc-1", answer.Agent.Status.ID)

	stop()
	out = b.answers(t, ExitNotInstalled, args...)
	require.Contains(t, out, "agent: stopped: not running: nobody has the state folder "+dir+" (from --data-dir; ")
}

func TestStatusOfAServiceWithoutAnAgent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status service.Status
		err    error
		state  string
		reason string
		code   int
	}{
		"running":       {service.StatusRunning, nil, "running", "", ExitUnhealthy},
		"stopped":       {service.StatusStopped, nil, "stopped", "", ExitNotRunning},
		"not installed": {service.StatusUnknown, service.ErrNotInstalled, "not-installed", "", ExitNotInstalled},
		"unknown":       {service.StatusUnknown, errors.New("service in\nfailed state"), "unknown", "service in; failed state", ExitNotInstalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.service.status, b.service.err = tc.status, tc.err
			out, err := b.do(t, "status")
			require.Equal(t, tc.code, ExitCode(err))
			if err != nil {
				require.Empty(t, err.Error(), "the answer was printed; there is nothing to add")
			}
			require.True(t, strings.HasPrefix(out, "service "+defaultServiceName+" (fake): "+tc.state), out)
			require.Contains(t, out, tc.reason)

			out, err = b.do(t, "status", "--json")
			require.Equal(t, tc.code, ExitCode(err))
			var answer statusAnswer
			require.NoError(t, json.Unmarshal([]byte(out), &answer))
			require.Equal(t, serviceStatus{Name: defaultServiceName, State: tc.state, Manager: "fake", Error: tc.reason}, answer.Service)
			require.Equal(t, "stopped", answer.Agent.State)
			require.False(t, answer.Healthy)
			require.Nil(t, answer.Agent.Status)
		})
	}
}

func TestStatusOfABrokenFile(t *testing.T) {
	t.Parallel()
	dir, _, _ := foreground(t)
	b := newBench(t, nil)
	path := filepath.Join(dir, agent.StatusFile)
	b.answers(t, ExitUnhealthy, "--data-dir", dir)
	for name, tc := range map[string]struct{ content, says string }{
		"hostile":    {"\x1b[2J", "agent: unreadable: status cannot be read: " + path},
		"wrong type": {`{"format":1,"id":7}`, "damaged, the agent replaces it within a minute"},
		"huge":       {strings.Repeat(" ", 2<<20), "larger than 1048576 bytes"},
	} {
		require.Eventually(t, func() bool {
			require.NoError(t, os.WriteFile(path, []byte(tc.content), 0o600)) // the agent replaces it now and then
			out, err := b.do(t, "status", "--data-dir", dir)
			return strings.Contains(out, tc.says) && ExitCode(err) == ExitUnhealthy && !strings.Contains(out, "\x1b")
		}, time.Minute, time.Millisecond, name)
	}
}

func TestStatusOfAConfigurationThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.service.status = service.StatusRunning
	out, err := b.do(t, "status", "--config", writeFile(t, "agent.toml", "[agent"))
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, "agent: unknown: ")
	require.Contains(t, out, "agent.toml")
}

// Figures that are not known, or make no sense, are left out.
func TestStatusOfOddFigures(t *testing.T) {
	t.Parallel()
	s := healthyStatus()
	s.Resources = []agent.Resource{
		{Name: "no time", WaitingSince: before(time.Minute), Error: "not allowed"},
		{Name: "one", WaitingSince: before(time.Minute), Attempts: 1},
		{Name: "many", WaitingSince: time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC), Attempts: math.MaxInt},
		{Name: "nothing"},
		{Name: strings.Repeat("long", 100), FineSince: before(800 * 24 * time.Hour)},
		{},
	}
	s.Commands.Runs = []agent.RunningCommand{{}, {ID: strings.Repeat("i", 500), Since: statusNow.Add(time.Hour)}}
	s.Results = outbox.Stats{Pending: math.MaxInt, Bytes: math.MaxInt64, Sent: math.MaxUint64, Oldest: before(1 << 62)}
	out, most := page(t, statusAnswer{Agent: agentStatus{State: "running", Status: &s}}), strconv.Itoa(math.MaxInt)
	for _, row := range []string{
		`no time +waiting for 1m +not allowed`,
		`one +waiting for 1m, 1 attempt +none`,
		`many +waiting for over 292y, ` + most + ` attempts +none`,
		`nothing +refused +none`,
		`(long){19}lon… +fine for 2y +none`,
		`- +refused +none`,
		`- +- +- +-`,
		`i{79}… +- +- +0s ago`,
		`results +` + most + ` +8\.0 EiB +146y ago +0 +18446744073709551615`,
	} {
		require.Regexp(t, `(?m)^  `+row+`$`, out)
	}
	require.NotContains(t, out, "0 attempts")
	require.NotContains(t, out, "-:")
	for line := range strings.Lines(out) {
		require.Less(t, len(line), 250)
	}
}
