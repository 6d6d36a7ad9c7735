package update_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
)

// patience is for what takes a second on an idle machine.
const patience = 90 * time.Second

// host is a machine with a service manager that starts the agent whenever it ends.
type host struct {
	*fleet
	t     *testing.T
	id    string
	exe   string
	start string // what the service manager starts
	state string
	log   *logtest.Buffer

	mu     sync.Mutex
	cmd    *exec.Cmd
	starts int
	codes  []int

	stop    context.CancelFunc
	stopped sync.WaitGroup
	results *nats.Subscription
	next    uint64             // sequence of the stored results from which on they were not read
	seen    *nats.Subscription // observations
	sent    int
	got     map[string]string // result ID and exit code by request
	// codesOfResults are allowed: 121 where a script may be hit by a kill.
	codesOfResults []int32
}

func (f *fleet) host(t *testing.T, id, version string) *host {
	exe := filepath.Join(t.TempDir(), "kanade-agent")
	return f.hostAt(t, id, version, exe, exe)
}

// hostAt is a host whose agent is started at a path that leads to the executable.
func (f *fleet) hostAt(t *testing.T, id, version, exe, start string) *host {
	h := &host{fleet: f, t: t, id: id, exe: exe, start: start, state: t.TempDir(), log: &logtest.Buffer{}, next: 1, got: map[string]string{}, codesOfResults: []int32{0}}
	require.NoError(t, os.WriteFile(h.exe, f.good[version], 0o755))
	var err error
	h.results, err = f.nc.SubscribeSync("results.>")
	require.NoError(t, err)
	h.seen, err = f.nc.SubscribeSync("obs." + id)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	h.stopped.Go(func() { h.manage(ctx) })
	t.Cleanup(func() {
		h.stop()
		h.stopped.Wait()
		if t.Failed() {
			t.Log(h.log.String())
		}
		_ = h.results.Unsubscribe()
		_ = h.seen.Unsubscribe()
	})
	return h
}

// manage is the service manager: it starts the agent, again and again.
func (h *host) manage(ctx context.Context) {
	for ctx.Err() == nil {
		cmd, err := h.spawn()
		if err != nil {
			h.t.Errorf("nothing can be started at %s: %v", h.exe, err)
			return
		}
		h.mu.Lock()
		h.cmd, h.starts = cmd, h.starts+1
		h.mu.Unlock()
		end := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
		_ = cmd.Wait()
		end()
		h.mu.Lock()
		h.codes = append(h.codes, cmd.ProcessState.ExitCode())
		h.mu.Unlock()
	}
}

// spawn starts the agent. A process that is forked at the same moment may hold the
// file that was just written open, for as long as it takes to become a program.
func (h *host) spawn() (*exec.Cmd, error) {
	for {
		cmd := exec.Command(h.start, "run")
		cmd.Env = append(cleanEnv(), "KANADE_NATS_URL="+h.broker.URL(), "KANADE_AGENT_ID="+h.id, "KANADE_AGENT_DATA_DIR="+h.state,
			"KANADE_KLP=off", "KANADE_LOG_KEEP_DAYS=0", "KANADE_UPDATE_KEYS="+h.keys, "KANADE_LOG_LEVEL=info")
		cmd.Stdout, cmd.Stderr = h.log, h.log
		if err := cmd.Start(); !errors.Is(err, syscall.ETXTBSY) {
			return cmd, err
		}
		runtime.Gosched()
	}
}

func cleanEnv() (env []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KANADE_") {
			env = append(env, e)
		}
	}
	return env
}

func (h *host) startCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.starts
}

func (h *host) exitCodes() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.codes)
}

func (h *host) kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.cmd.Process.Kill()
}

// target sets the version that this host should run.
func (h *host) target(version string) {
	kv, err := h.js.KeyValue(h.t.Context(), wire.BucketAgentConfig)
	require.NoError(h.t, err)
	_, err = kv.Put(h.t.Context(), wire.ConfigKeyPC(h.id), wire.ConfigScope{TargetVersion: &version}.Encode())
	require.NoError(h.t, err)
}

// send sends a command, whatever the agent is doing.
func (h *host) send() {
	h.sent++
	id := fmt.Sprintf("%s-%d", h.id, h.sent)
	data, err := json.Marshal(map[string]any{"id": "job", "version": "1", "request_id": id, "shell": "sh", "script": "echo " + id, "timeout_secs": 60})
	require.NoError(h.t, err)
	_, err = h.js.Publish(h.t.Context(), "commands.pc."+h.id, data)
	require.NoError(h.t, err)
}

// observed waits for an observation of a kind and returns its payload.
func (h *host) observed(kind string) map[string]string {
	h.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		m, err := h.seen.NextMsg(time.Second)
		if errors.Is(err, nats.ErrTimeout) {
			continue
		}
		require.NoError(h.t, err)
		e, err := wire.DecodeObsEvent(m.Data)
		require.NoError(h.t, err)
		if e.Kind == kind {
			var payload map[string]string
			require.NoError(h.t, json.Unmarshal(e.Payload, &payload))
			return payload
		}
	}
	require.Fail(h.t, "not observed: "+kind)
	return nil
}

// runs waits until an agent of this version answers a ping, and is not in the middle
// of an update; then every command that was sent must have one result.
func (h *host) runs(version string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		m, err := h.nc.Request("agents."+h.id+".ping", nil, time.Second)
		if err != nil {
			return false
		}
		hb, err := wire.DecodeHeartbeat(m.Data)
		return err == nil && hb.AgentVersion == version && !h.underWay()
	}, patience, 100*time.Millisecond, "version %s does not run", version)
	h.send()
	for end := time.Now().Add(patience); len(h.got) < h.sent && time.Now().Before(end); {
		m, err := h.results.NextMsg(time.Second)
		if errors.Is(err, nats.ErrTimeout) {
			h.readStored()
			continue
		}
		require.NoError(h.t, err)
		h.note(m.Data)
	}
	require.Len(h.t, h.got, h.sent, "results are missing")
}

// readStored reads the results that the subscription has not heard: after an outage
// the agent may be connected again before it.
func (h *host) readStored() {
	h.t.Helper()
	stream, err := h.js.Stream(h.t.Context(), wire.StreamResults)
	require.NoError(h.t, err)
	for {
		m, err := stream.GetMsg(h.t.Context(), h.next, jetstream.WithGetMsgSubject("results.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return
		}
		require.NoError(h.t, err)
		h.note(m.Data)
		h.next = m.Sequence + 1
	}
}

func (h *host) note(result []byte) {
	h.t.Helper()
	r, err := wire.DecodeResult(result)
	require.NoError(h.t, err)
	if r.PCID == h.id {
		outcome := fmt.Sprintf("%s %d", r.ResultID, r.ExitCode)
		require.Contains(h.t, []string{"", outcome}, h.got[r.RequestID], "two results of one command")
		require.Contains(h.t, h.codesOfResults, r.ExitCode)
		h.got[r.RequestID] = outcome
	}
}

func (h *host) underWay() bool { return h.phase() != "idle" }

// phase is what the record beside the executable says, or why it says nothing. It is
// asked where no test may be ended.
func (h *host) phase() string {
	s, err := agent.ReadUpdates(h.exe)
	if err != nil {
		return err.Error()
	}
	return s.Phase
}

func (h *host) awaitPhase(phase string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.phase() == phase }, patience, 5*time.Millisecond, "phase %s", phase)
}

// quarantined are the versions that the heartbeat would name.
func (h *host) quarantined() []string {
	s, err := agent.ReadUpdates(h.exe)
	require.NoError(h.t, err)
	return s.Quarantined("")
}

// mark makes a file that the program looks at; see testdata/updating.
func (h *host) mark(name string) {
	require.NoError(h.t, os.WriteFile(filepath.Join(h.state, name), nil, 0o600))
}

func (h *host) unmark(name string) { require.NoError(h.t, os.Remove(filepath.Join(h.state, name))) }

func (h *host) dieAt(step string) { h.mark("die-at-" + step) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
