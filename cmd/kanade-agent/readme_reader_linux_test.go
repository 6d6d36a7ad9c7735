package main

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// reader does what the README says, in a folder that stands for the whole host.
type reader struct {
	t        *testing.T
	dir      string
	places   *strings.Replacer
	env      []string
	followed map[string]bool
	broker   *jstest.Broker
	results  jetstream.Stream
}

// newReader: what is put in place of what the README says is in places and env,
// and nowhere else.
func newReader(t *testing.T) *reader {
	t.Helper()
	dir, err := os.MkdirTemp("", "readme") //nolint:usetesting // its names are too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	for _, folder := range []string{"etc", "log", "run"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o700))
	}
	checkout, err := filepath.Abs(repository)
	require.NoError(t, err)
	r := &reader{t: t, dir: dir, followed: map[string]bool{}, broker: jstest.StartBroker(t)}
	r.results = createStreams(t, r.broker.Connect())
	r.places = strings.NewReplacer(
		"nats://broker.example:4222", r.broker.URL(), "nats://broker:4222", r.broker.URL(),
		"127.0.0.1:9464", fmt.Sprintf("127.0.0.1:%d", jstest.FreePort(t)),
		"/etc/kanade", dir+"/etc", "/var/log/kanade", dir+"/log", "/run/kanade", dir+"/run", "/tmp/host.zip", dir+"/host.zip",
		"go build ", `go -C "$CHECKOUT" build -o "$PWD" `,
	)
	r.env = environment("KANADE_KLP=", "KANADE_AGENT_CONFIG="+dir+"/agent.toml", "KANADE_AGENT_DATA_DIR="+dir+"/state",
		"PATH="+dir+":"+os.Getenv("PATH"), "CHECKOUT="+checkout, "PWD="+dir)
	return r
}

// follow is a command of the README as it is executed here.
func (r *reader) follow(command string) string {
	r.t.Helper()
	proofs, known := readmeCommands[command]
	require.True(r.t, known && len(proofs) == 0, "%q is no command that is executed here", command)
	r.followed[command] = true
	return r.places.Replace(command)
}

// shell runs what somebody typed.
func (r *reader) shell(command string) (said string, code int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	return string(out), exitCode(r.t, err)
}

// types runs a command of the README, and then again with more flags, which are
// those that its comment names. All must succeed; the first one's answer is returned.
func (r *reader) types(command string, more ...string) string {
	r.t.Helper()
	command = r.follow(command)
	said, code := r.shell(command)
	require.Zero(r.t, code, "%s: %s", command, said)
	for _, flags := range more {
		out, code := r.shell(command + " " + flags)
		require.Zero(r.t, code, "%s %s: %s", command, flags, out)
	}
	return said
}

// looks runs a command that may find something wrong with the host that it is on.
func (r *reader) looks(command string) string {
	r.t.Helper()
	command = r.follow(command)
	said, code := r.shell(command)
	require.Contains(r.t, []int{0, 5}, code, "%s: %s", command, said)
	return said
}

// gets is curl, until the answer is as it should be.
func (r *reader) gets(command, want string) (body string) {
	r.t.Helper()
	url := strings.TrimPrefix(r.follow(command), "curl ")
	require.Eventually(r.t, func() bool {
		request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		body = string(text)
		return err == nil && answer.StatusCode == http.StatusOK && strings.Contains(body, want)
	}, patience, 50*time.Millisecond, "%s: no %q", url, want)
	return body
}

// runs starts the agent as the README does without a service.
func (r *reader) runs() *process {
	r.t.Helper()
	p := &process{Cmd: exec.Command("sh", "-c", "exec "+r.follow("./kanade-agent run --config agent.toml")), ended: make(chan error, 1)}
	p.Dir, p.Env = r.dir, r.env
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	require.NoError(r.t, p.Start())
	gone := make(chan struct{})
	go func() { p.ended <- p.Wait(); close(gone) }()
	r.t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended, unless the test failed
		<-gone
	})
	return p
}

func (r *reader) stops(p *process) {
	r.t.Helper()
	require.NoError(r.t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(r.t, p.end(r.t), &p.stderr)
}

func (r *reader) writes(name, text string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.dir, name), []byte(r.places.Replace(text)), 0o600))
}

// unpacked is what a bundle has, by name.
func (r *reader) unpacked(path string) map[string]string {
	r.t.Helper()
	bundle, err := zip.OpenReader(path)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, bundle.Close()) }()
	files := map[string]string{}
	for _, f := range bundle.File {
		in, err := f.Open()
		require.NoError(r.t, err)
		text, err := io.ReadAll(in)
		require.NoError(r.t, err)
		files[filepath.Base(f.Name)] = string(text)
	}
	return files
}
