//go:build unix

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// patience is how long a test waits for something that should be quick.
const patience = time.Minute

// process is a running agent.
type process struct {
	*exec.Cmd
	stdout, stderr logtest.Buffer
	ended          chan error
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, args...), ended: make(chan error, 1)}
	p.Env = environment(env...)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	require.NoError(t, p.Start())
	gone := make(chan struct{})
	go func() { p.ended <- p.Wait(); close(gone) }()
	t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended, unless the test failed
		<-gone
	})
	return p
}

func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.stdout.String(), text) }, patience, 10*time.Millisecond,
		"no %q in what it said:\n%v\n%v", text, &p.stdout, &p.stderr)
}

func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.ended:
		return exitCode(t, err)
	case <-time.After(patience):
		t.Fatalf("still running:\n%s\n%s", p.stdout.String(), p.stderr.String())
		return -1
	}
}

// broker has the streams that a command and its result go through.
func broker(t *testing.T, opts ...jstest.BrokerOption) (*jstest.Broker, *nats.Conn) {
	t.Helper()
	b := jstest.StartBroker(t, opts...)
	nc := b.Connect(nats.Token("sesame"))
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for name, subject := range map[string]string{"EXEC": "commands.>", "RESULTS": "results.>"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}})
		require.NoError(t, err)
	}
	return b, nc
}

func send(t *testing.T, nc *nats.Conn, requestID, script string) {
	t.Helper()
	command, err := json.Marshal(map[string]any{
		"id": "job", "version": "1", "request_id": requestID, "shell": "sh", "script": script, "timeout_secs": 300,
	})
	require.NoError(t, err)
	require.NoError(t, nc.Publish("commands.pc.till-3", command))
}

type result struct {
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout"`
}

func next(t *testing.T, results *nats.Subscription) result {
	t.Helper()
	msg, err := results.NextMsg(patience)
	require.NoError(t, err)
	var r result
	require.NoError(t, json.Unmarshal(msg.Data, &r))
	return r
}

const withToken = "authorization { token: sesame }"

func TestRunAnswersAndStops(t *testing.T) {
	t.Parallel()
	b, nc := broker(t, jstest.WithConfig(withToken))
	results, err := nc.SubscribeSync("results.*")
	require.NoError(t, err)
	dir := t.TempDir()
	config := writeConfig(t, `[agent]
id = '{{ env(name="ACME_ID") }}'
nats_url = '`+b.URL()+`'
data_dir = '`+dir+`/data'
[log]
path = '`+dir+`/logs/agent.log'
level = 'info'
`)
	p := start(t, []string{"ACME_ID=till-3", "KANADE_NATS_TOKEN=sesame"}, "--config", config)
	p.waitFor(t, "agent takes commands")

	send(t, nc, "r1", `echo "hello $ACME_ID"; env | grep -c sesame`)
	require.Equal(t, "hello till-3\n0\n", next(t, results).Stdout, "scripts see the environment, but no secrets")

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.end(t), &p.stderr)
	require.Empty(t, p.stderr.String())
	require.Contains(t, p.stdout.String(), "cause=terminated")
	require.Contains(t, p.stdout.String(), "msg=stopped")
	require.NotContains(t, p.stdout.String(), "sesame")

	files, err := filepath.Glob(filepath.Join(dir, "logs", "agent.????-??-??.log"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for path, mode := range map[string]fs.FileMode{files[0]: 0o600, filepath.Dir(files[0]): 0o700, filepath.Join(dir, "data"): 0o700} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Contains(t, string(text), "agent takes commands")
	require.NotContains(t, string(text), "sesame")
}

func TestStopReportsScriptsThatRun(t *testing.T) {
	t.Parallel()
	b, nc := broker(t, jstest.WithConfig(withToken))
	results, err := nc.SubscribeSync("results.*")
	require.NoError(t, err)
	p := start(t, []string{"KANADE_NATS_TOKEN=sesame"}, "--nats-url", b.URL(), "--id", "till-3", "--data-dir", t.TempDir(), "--grace", "100ms")
	p.waitFor(t, "agent takes commands")
	mark := filepath.Join(t.TempDir(), "mark")
	send(t, nc, "r1", "touch '"+mark+"'; sleep 300")
	require.Eventually(t, func() bool { _, err := os.Stat(mark); return err == nil }, patience, 10*time.Millisecond)

	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.NotZero(t, next(t, results).ExitCode)
	require.Zero(t, p.end(t), &p.stderr)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	b, nc := broker(t, jstest.WithConfig(withToken))
	p := start(t, []string{"KANADE_NATS_TOKEN=sesame"}, "--nats-url", b.URL(), "--id", "till-3", "--data-dir", t.TempDir(), "--grace", "10s")
	p.waitFor(t, "agent takes commands")
	mark := filepath.Join(t.TempDir(), "mark")
	send(t, nc, "r1", "touch '"+mark+"'; sleep 14")
	require.Eventually(t, func() bool { _, err := os.Stat(mark); return err == nil }, patience, 10*time.Millisecond)

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.waitFor(t, "a second signal ends it at once")
	ended := make(chan struct{})
	var again sync.WaitGroup
	again.Go(func() { // until one of them is late enough not to be the first
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
				_ = p.Process.Signal(syscall.SIGTERM)
			}
		}
	})
	require.Equal(t, 130, p.end(t))
	close(ended)
	again.Wait()
	require.True(t, strings.HasPrefix(p.stderr.String(), "kanade-agent: terminated: ended at once by a second signal"), &p.stderr)
}

func TestStateFolderOfAnotherAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--nats-url", "nats://127.0.0.1:1", "--id", "till-3", "--data-dir", dir}
	first := start(t, nil, args...)
	first.waitFor(t, "agent starts")
	_, errs, code := run(t, args...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "in use by another agent")
	require.Equal(t, 1, strings.Count(errs, "\n"), errs)
	require.NoError(t, first.Process.Signal(syscall.SIGTERM))
	require.Zero(t, first.end(t), "without a broker it stays up, and stops cleanly")
}
