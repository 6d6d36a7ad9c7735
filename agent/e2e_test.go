package agent_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

var _, noSh = osexec.LookPath("sh")

// needsSh skips a test whose scripts are for sh on a Windows that has none.
func needsSh(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" && noSh != nil {
		t.Skip("needs sh: scripts for cmd are in agent/e2e_windows_test.go")
	}
	require.NoError(t, noSh)
}

func TestACommandYieldsExactlyOneResult(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, stop := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)

	b.send(sh("r-1", "echo hello; echo oops >&2; exit 3"))
	r := b.result("r-1")
	require.Equal(t, "hello\n", r.Stdout)
	require.Equal(t, "oops\n", r.Stderr)
	require.EqualValues(t, 3, r.ExitCode)
	require.Equal(t, pcID, r.PCID)
	require.Equal(t, "job", r.ManifestID)
	require.Equal(t, wire.ResultID("r-1", pcID), r.ResultID)

	stop()
	require.Len(t, b.results("r-1"), 1)
}

func TestTheBrokerMayComeLater(t *testing.T) {
	needsSh(t)
	broker := jstest.NewBroker(t)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	require.Eventually(t, func() bool { return a.Status().Running }, patience, time.Millisecond)
	require.False(t, a.Status().Connected)

	broker.Start() // and the streams come later still
	ready(t, a)
	b := newBackend(t, broker)
	b.send(sh("r", "echo late"))
	require.Equal(t, "late\n", b.result("r").Stdout)
}

func TestACommandSentWhileTheAgentWasDownRunsOnce(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	count := filepath.Join(t.TempDir(), "count")
	b.send(sh("before", "echo x >> "+count))
	require.NoError(t, b.nc.Flush())

	for range 3 {
		a, stop := startAgent(t, cfg)
		ready(t, a)
		b.result("before")
		stop()
	}
	runs, err := os.ReadFile(count)
	require.NoError(t, err)
	require.Equal(t, "x\n", string(runs))
	require.Len(t, b.results("before"), 1)
}

func TestAResultOutlivesTheBroker(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	gate := filepath.Join(t.TempDir(), "gate")
	b.send(sh("r", "while ! [ -s "+gate+" ]; do sleep 0.1; done; cat "+gate))
	require.Eventually(t, func() bool { return a.Status().Commands.Running == 1 }, patience, time.Millisecond)

	broker.Kill()
	require.NoError(t, os.WriteFile(gate, []byte("through"), 0o600)) // the command ends while nobody is there
	require.Eventually(t, func() bool { return a.Status().Results.Pending == 1 }, patience, time.Millisecond)
	broker.Start()
	require.Equal(t, "through", b.result("r").Stdout)
	require.Eventually(t, func() bool { return a.Status().Results.Pending == 0 }, patience, time.Millisecond)
	require.Len(t, b.results("r"), 1)
}

func TestAMissingStreamIsWaitedFor(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	data, err := sh("r", "echo live alone").Encode()
	require.NoError(t, err)
	require.NoError(t, nc.Publish(wire.CommandsPC(pcID), data)) // there is no EXEC stream
	require.Eventually(t, func() bool { return a.Status().Results.Pending == 1 }, patience, time.Millisecond)
	b := &backend{t: t, nc: nc, js: createStreams(t, nc)}
	require.Equal(t, "live alone\n", b.result("r").Stdout)
}

func TestAKillEndsARunningCommand(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	c := sh("r", "echo begun; sleep 1000")
	c.ExecID = "exec-1"
	b.send(c)
	require.Eventually(t, func() bool { return a.Status().Commands.Running == 1 }, patience, time.Millisecond)
	require.NoError(t, b.nc.Publish(wire.KillSubject("exec-1"), nil))
	r := b.result("r")
	require.EqualValues(t, -1, r.ExitCode)
	require.Contains(t, r.Stderr, "killed by remote signal (kill.exec-1)")
}

func TestAStopReportsWhatItHadToEnd(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	cfg.Grace = 0
	a, stop := startAgent(t, cfg)
	ready(t, a)
	b.send(sh("r", "sleep 1000"))
	require.Eventually(t, func() bool { return a.Status().Commands.Running == 1 }, patience, time.Millisecond)
	stop()
	r := b.result("r") // sent before the agent went
	require.EqualValues(t, -1, r.ExitCode)
	require.Contains(t, r.Stderr, "the agent stopped")
}

func TestBadInputIsAnswered(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	t.Setenv("PATH", t.TempDir()) // a host without any shell
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	raw := func(data string) { require.NoError(t, b.nc.Publish(wire.CommandsPC(pcID), []byte(data))) }

	raw(`{"id":"job","version":"1","request_id":"no > subject *","shell":"fish","script":"x","timeout_secs":1}`)
	require.Contains(t, b.result("no > subject *").Stderr, `unknown shell "fish"`)
	raw(`{"id":"job","version":"1","request_id":"missing","shell":"sh","script":"x","timeout_secs":60}`)
	require.Contains(t, b.result("missing").Stderr, "sh")
	raw(`{"request_id":"undecodable","id":7}`)
	require.Contains(t, b.result("undecodable").Stderr, "id")
	raw(`not JSON at all`)
	require.Eventually(t, func() bool { return a.Status().Commands.Unreadable > 0 }, patience, time.Millisecond)
	for _, id := range []string{"no > subject *", "missing", "undecodable"} {
		require.Len(t, b.results(id), 1)
		require.EqualValues(t, -1, b.results(id)[0].ExitCode)
	}
}

func TestAnOutboxOfTheReferenceReleaseDrains(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	left := wire.Result{
		ResultID: "0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90", RequestID: "req-77", PCID: pcID, Stdout: "left behind",
		StartedAt: time.Unix(1, 0).UTC(), FinishedAt: time.Unix(2, 0).UTC(), ManifestID: "m",
	}
	box := filepath.Join(cfg.StateDir, "outbox")
	require.NoError(t, os.MkdirAll(box, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(box, "req-77.json"), left.Encode(), 0o644))
	startAgent(t, cfg)
	require.Equal(t, left, b.result("req-77"))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(box, "req-77.json"))
		return errors.Is(err, fs.ErrNotExist)
	}, patience, time.Millisecond)
}

// The reference release's consumer takes every command and acks on receipt.
// What it has done must not be done again by us.
func TestTakingOverFromTheReferenceReleaseRunsNothingAgain(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	consumer, err := b.js.CreateConsumer(t.Context(), wire.StreamExec, jetstream.ConsumerConfig{
		Durable: wire.ReplayConsumer(pcID), DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: wire.CommandsFilter(),
	})
	require.NoError(t, err)
	b.send(sh("done-by-the-reference", "echo again"))
	msg, err := consumer.Next()
	require.NoError(t, err)
	require.NoError(t, msg.DoubleAck(t.Context()))

	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	b.send(sh("ours", "echo new"))
	require.Equal(t, "new\n", b.result("ours").Stdout)
	require.Eventually(t, func() bool { // the replayed copy of ours has come, so anything before it has too
		return a.Status().Commands.Received >= 2
	}, patience, time.Millisecond)
	require.Empty(t, b.results("done-by-the-reference"))
}

func TestScriptsDoNotSeeTheAgentsSecrets(t *testing.T) {
	needsSh(t)
	t.Setenv("KANADE_NATS_TOKEN", "s3cret")
	t.Setenv("KANADE_NATS_PASSWORD", "s3cret")
	t.Setenv("KANADE_E2E", "visible")
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	b.send(sh("r", "env"))
	env := b.result("r").Stdout
	require.Contains(t, env, "KANADE_E2E=visible")
	require.NotContains(t, env, "s3cret")
}

func TestAStateFolderHasOneOwner(t *testing.T) {
	cfg := newConfig(t, "nats://127.0.0.1:1")
	a, stop := startAgent(t, cfg)
	require.Eventually(t, func() bool { return a.Status().Running }, patience, time.Millisecond)
	second, err := agent.New(cfg)
	require.NoError(t, err)
	require.ErrorIs(t, second.Run(t.Context()), agent.ErrStateLocked)
	stop()
	require.ErrorIs(t, a.Run(t.Context()), agent.ErrAlreadyRan)
}

func TestAStateFolderThatCannotBeUsedIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"a file in its place": func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir, nil, 0o600)) },
		"a newer format": func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(`{"format":9,"oldest_reader":9}`), 0o600))
		},
		"a damaged format": func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("\x00\x00"), 0o600))
		},
		"a file for the outbox": func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(dir, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "outbox"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t, "nats://127.0.0.1:1")
			cfg.StateDir = filepath.Join(cfg.StateDir, "state")
			spoil(t, cfg.StateDir)
			a, err := agent.New(cfg)
			require.NoError(t, err)
			err = a.Run(t.Context())
			require.Error(t, err)
			require.Contains(t, err.Error(), cfg.StateDir)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestABroughtAlongConnectionIsNeverClosed(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	nc := broker.Connect()
	cfg := newConfig(t, "")
	cfg.Servers = nil
	a, stop := startAgent(t, cfg, agent.WithNATS(nc))
	ready(t, a)
	b.send(sh("r", "echo mine"))
	require.Equal(t, "mine\n", b.result("r").Stdout)
	stop()
	require.True(t, nc.IsConnected())
	require.LessOrEqual(t, nc.NumSubscriptions(), 1, "the client's own reply inbox stays")
}

func TestNewNamesEveryProblemAtOnce(t *testing.T) {
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Grace = "PC*", "relative", -1
	cfg.Servers = []string{"http://x", "nats://a:1,nats://b:2", "nats://user:s3cret@"}
	cfg.Token, cfg.User = "s3cret", "someone"
	handler := agent.HandlerFunc(func(context.Context, agent.Job) error { return nil })
	_, err := agent.New(cfg, agent.WithLogger(nil), agent.WithHandler("sh", handler, agent.ReportInterrupted),
		agent.WithHandler("a b", handler, agent.ReportInterrupted), agent.WithHandler("h", nil, agent.ReportInterrupted))
	require.ErrorIs(t, err, agent.ErrConfig)
	for _, says := range []string{
		"wildcard", "relative", "grace", "http", "commas", "no host", "more than one kind", "without the other",
		"logger is nil", `"sh" is one of the shells`, "blank", "handler is nil",
	} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "s3cret")

	_, err = agent.New(newConfig(t, "nats://127.0.0.1:1"), agent.WithTransport(jstest.NewFake().Conn(), jstest.NewFake().JetStream()))
	require.ErrorContains(t, err, "more than one way")
	cfg = newConfig(t, "")
	cfg.Servers = nil
	_, err = agent.New(cfg)
	require.ErrorContains(t, err, "no server")
}

func TestAnExecutionTellsItsStartAndItsScriptsEvents(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	c := sh("r", `echo '{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"logon","source":"script:test"}'`)
	c.ExecID, c.Emit = "exec-1", &wire.EmitConfig{}
	b.send(c)
	r := b.result("r")
	require.Empty(t, r.Stdout)

	started, err := wire.DecodeEventStarted(b.last(wire.StreamEvents, wire.StartedSubject("exec-1", pcID)))
	require.NoError(t, err)
	require.Equal(t, r.ResultID, started.ResultID)
	require.Equal(t, r.StartedAt, started.StartedAt)
	observed, err := wire.DecodeObsEvent(b.last(wire.StreamObsEvents, wire.ObsSubject(pcID)))
	require.NoError(t, err)
	require.Equal(t, "logon", observed.Kind)
	require.Equal(t, pcID, observed.PCID)
}
