package update_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
	"github.com/kanade-go/kanade/retry/jstest"
)

// patience is for what takes a second on an idle machine.
const patience = 90 * time.Second

// fleet is a broker with releases, and the keys of who makes them.
type fleet struct {
	t      *testing.T
	broker *jstest.Broker
	nc     *nats.Conn
	js     jetstream.JetStream
	store  jetstream.ObjectStore
	good   map[string][]byte // by version
	key    []byte            // private
	keys   string            // folder of the public one
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, broker: jstest.StartBroker(t), good: make(map[string][]byte), keys: t.TempDir()}
	f.nc = f.broker.Connect()
	js, err := jetstream.New(f.nc)
	require.NoError(t, err)
	f.js = js
	for _, s := range wire.Streams() {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects})
		require.NoError(t, err)
	}
	for _, b := range wire.Buckets() {
		_, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
		require.NoError(t, err)
	}
	f.store, err = js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreAgentReleases})
	require.NoError(t, err)
	var public []byte
	f.key, public, err = agent.NewReleaseKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(f.keys, "fleet.pub"), public, 0o600))
	for _, version := range []string{"1.0.0", "2.0.0"} {
		f.good[version] = build(t, version)
	}
	return f
}

// build builds the program as a release would be built.
func build(t *testing.T, version string) []byte {
	path := filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("go", "build", "-ldflags", "-s -w -X main.version="+version, "-o", path, "./testdata/updating")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// faulty is a good release with a fault of its own; see testdata/updating.
func (f *fleet) faulty(version, fault string) []byte {
	end := []byte("\nFAULT " + version + " " + fault)
	return slices.Concat(f.good["2.0.0"], bytes.Repeat([]byte{'x'}, 64-len(end)), end)
}

func objectOf(version string) string {
	return version + "-" + wire.OSFamily(runtime.GOOS) + "-" + wire.AgentArch(runtime.GOARCH)
}

func (f *fleet) manifest(version string, data []byte, keyPEM []byte, minimum ...string) string {
	sum := sha256.Sum256(data)
	key, err := agent.ReleasePrivateKey(keyPEM)
	require.NoError(f.t, err)
	m, err := agent.SignRelease(agent.Release{
		Name: "kanade-agent", Version: version, OS: wire.OSFamily(runtime.GOOS), Arch: wire.AgentArch(runtime.GOARCH),
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), MinimumVersion: strings.Join(minimum, ""),
	}, key)
	require.NoError(f.t, err)
	return string(m)
}

// put uploads data under a version, with this manifest.
func (f *fleet) put(version string, data []byte, manifest string) {
	_, err := f.store.Put(f.t.Context(), jetstream.ObjectMeta{
		Name: objectOf(version), Metadata: map[string]string{"kanade-manifest": manifest},
	}, bytes.NewReader(data))
	require.NoError(f.t, err)
}

func (f *fleet) publish(version string, data []byte) {
	f.put(version, data, f.manifest(version, data, f.key))
}

// host is a machine with a service manager that starts the agent whenever it ends.
type host struct {
	*fleet
	t     *testing.T
	id    string
	exe   string
	state string
	log   *lockedBuffer

	mu     sync.Mutex
	cmd    *exec.Cmd
	starts int
	codes  []int

	stop    context.CancelFunc
	stopped sync.WaitGroup
	results *nats.Subscription
	seen    *nats.Subscription // observations
	sent    int
	got     map[string]string // result ID and exit code by request
	// codesOfResults are allowed: 121 where a script may be hit by a kill.
	codesOfResults []int32
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (f *fleet) host(t *testing.T, id, version string) *host {
	h := &host{fleet: f, t: t, id: id, exe: filepath.Join(t.TempDir(), "kanade-agent"), state: t.TempDir(), log: &lockedBuffer{}, got: map[string]string{}, codesOfResults: []int32{0}}
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
		cmd := exec.Command(h.exe, "run")
		cmd.Env = append(cleanEnv(), "KANADE_NATS_URL="+h.broker.URL(), "KANADE_AGENT_ID="+h.id, "KANADE_AGENT_DATA_DIR="+h.state,
			"KANADE_KLP=off", "KANADE_LOG_KEEP_DAYS=0", "KANADE_UPDATE_KEYS="+h.keys, "KANADE_LOG_LEVEL=info")
		cmd.Stdout, cmd.Stderr = h.log, h.log
		for errors.Is(cmd.Start(), syscall.ETXTBSY) {
			runtime.Gosched()
		}
		if cmd.Process == nil {
			h.t.Errorf("there is no executable at %s: %v", h.exe, cmd.Err)
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
			continue
		}
		require.NoError(h.t, err)
		r, err := wire.DecodeResult(m.Data)
		require.NoError(h.t, err)
		if r.PCID == h.id {
			outcome := fmt.Sprintf("%s %d", r.ResultID, r.ExitCode)
			require.Contains(h.t, []string{"", outcome}, h.got[r.RequestID], "two results of one command")
			require.Contains(h.t, h.codesOfResults, r.ExitCode)
			h.got[r.RequestID] = outcome
		}
	}
	require.Len(h.t, h.got, h.sent, "results are missing")
}

func (h *host) underWay() bool {
	data, err := os.ReadFile(h.exe + ".update.json")
	if err != nil {
		return false
	}
	var r struct{ Plan json.RawMessage }
	return json.Unmarshal(data, &r) != nil || len(r.Plan) > 0
}

func (h *host) dieAt(step string) {
	require.NoError(h.t, os.WriteFile(filepath.Join(h.state, "die-at-"+step), nil, 0o600))
}

// steps at which the process is killed.
var steps = []string{"wait", "look", "fetch", "verify", "selftest", "plan", "drain", "swap", "swapped", "probation", "confirm"}

// TestUpdates is the matrix: whatever is published, a connected agent of a good
// version runs afterwards, and no result is lost.
func TestUpdates(t *testing.T) {
	f := newFleet(t)
	f.publish("1.0.0", f.good["1.0.0"])
	f.publish("2.0.0", f.good["2.0.0"])

	t.Run("good, and back again", func(t *testing.T) {
		h := f.host(t, "good", "1.0.0")
		h.runs("1.0.0")
		h.send()
		h.target("2.0.0")
		h.send()
		h.observed("agent_updated")
		h.runs("2.0.0")
		require.Contains(t, h.exitCodes(), 64)
		info, err := os.Stat(h.exe)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
		h.target("1.0.0")
		h.observed("agent_updated")
		h.runs("1.0.0")
	})

	t.Run("killed", func(t *testing.T) {
		for _, step := range steps {
			t.Run(step, func(t *testing.T) {
				h := f.host(t, "kill-"+step, "1.0.0")
				h.codesOfResults = []int32{0, 121}
				h.runs("1.0.0")
				h.dieAt(step)
				h.target("2.0.0")
				h.send()
				h.observed("agent_updated")
				h.runs("2.0.0")
				require.Contains(t, h.exitCodes(), -1, "it was not killed")
			})
		}
	})

	foreign, _, err := agent.NewReleaseKey()
	require.NoError(t, err)
	pe := make([]byte, 8192)
	copy(pe, "MZ")
	pe[60] = 128
	copy(pe[128:], "PE\x00\x00\x64\x86")
	refused := map[string]struct {
		version string
		publish func(version string)
		reason  string
	}{
		"signed by a stranger": {"2.1.0", func(v string) {
			f.put(v, f.good["2.0.0"], f.manifest(v, f.good["2.0.0"], foreign))
		}, "no trusted key"},
		"signature broken": {"2.1.1", func(v string) {
			m := f.manifest(v, f.good["2.0.0"], f.key)
			at := strings.Index(m, `"signature": "`) + 20
			f.put(v, f.good["2.0.0"], m[:at]+flip(m[at])+m[at+1:])
		}, "signature is wrong"},
		"not signed":          {"2.1.2", func(v string) { f.put(v, f.good["2.0.0"], "") }, "manifest cannot be read"},
		"manifest of another": {"2.1.3", func(v string) { f.put(v, f.good["2.0.0"], f.manifest("2.0.0", f.good["2.0.0"], f.key)) }, "another release"},
		"truncated": {"2.1.4", func(v string) {
			half := f.good["2.0.0"][:len(f.good["2.0.0"])/2]
			f.put(v, half, f.manifest(v, f.good["2.0.0"], f.key))
		}, "another release"},
		"truncated and signed": {"2.1.5", func(v string) { f.publish(v, f.good["2.0.0"][:1<<20]) }, "try release"},
		"other bytes":          {"2.1.6", func(v string) { f.put(v, f.faulty(v, "crash"), f.manifest(v, f.faulty(v, "hang-"), f.key)) }, "another release"},
		"damaged in the store": {"2.1.7", func(v string) { f.publish(v, f.good["2.0.0"]); f.damage(v) }, "damaged"},
		"another platform":     {"2.1.8", func(v string) { f.publish(v, pe) }, "another platform"},
		"mislabelled":          {"2.1.9", func(v string) { f.publish(v, f.good["2.0.0"]) }, "calls itself something else"},
		"crashes at once":      {"2.2.0", func(v string) { f.publish(v, f.faulty(v, "crash-selftest")) }, "it failed"},
		"hangs":                {"2.2.1", func(v string) { f.publish(v, f.faulty(v, "hang-selftest")) }, "it was stopped"},
		"cannot connect":       {"2.2.2", func(v string) { f.publish(v, f.faulty(v, "deaf-selftest")) }, "it was stopped"},
		"not there":            {"2.2.3", func(string) {}, "no release for this platform"},
		"hostile name":         {"../../etc/x", func(string) {}, "no version"},
	}
	t.Run("refused", func(t *testing.T) {
		h := f.host(t, "refused", "1.0.0")
		h.runs("1.0.0")
		for name, tc := range refused {
			t.Run(name, func(t *testing.T) {
				h.t = t
				tc.publish(tc.version)
				h.target(tc.version)
				h.send()
				require.Contains(t, h.observed("agent_update_refused")["reason"], tc.reason)
				h.runs("1.0.0")
				require.Equal(t, 1, h.startCount(), "it was not to be restarted")
			})
		}
		h.t = t
		h.target("2.0.0")
		h.observed("agent_updated")
		h.runs("2.0.0")
	})

	t.Run("crashes after the swap", func(t *testing.T) {
		h := f.host(t, "crash", "1.0.0")
		h.runs("1.0.0")
		f.publish("3.0.0", f.faulty("3.0.0", "crash"))
		h.send()
		h.target("3.0.0")
		require.Contains(t, h.observed("agent_rolled_back")["reason"], "ended 3 times")
		h.runs("1.0.0")
		require.Contains(t, h.observed("agent_update_refused")["reason"], "not tried again")
		starts := h.startCount()
		h.target("2.0.0")
		h.observed("agent_updated")
		h.runs("2.0.0")
		require.Equal(t, starts+1, h.startCount())
		h.target("3.0.0") // the guard holds over other updates
		require.Contains(t, h.observed("agent_update_refused")["reason"], "not tried again")
		h.runs("2.0.0")
	})

	t.Run("cannot connect after the swap", func(t *testing.T) {
		h := f.host(t, "deaf", "1.0.0")
		h.runs("1.0.0")
		f.publish("3.0.1", f.faulty("3.0.1", "deaf"))
		h.target("3.0.1")
		h.send()
		require.Contains(t, h.observed("agent_rolled_back")["reason"], "not connected")
		h.target("1.0.0")
		h.runs("1.0.0")
	})

	t.Run("withdrawn", func(t *testing.T) {
		h := f.host(t, "withdrawn", "1.0.0")
		h.runs("1.0.0")
		f.publish("3.0.2", f.faulty("3.0.2", "hang-selftest"))
		h.target("3.0.2")
		require.Eventually(t, func() bool { return exists(h.exe + ".new") }, patience, 10*time.Millisecond)
		h.target("1.0.0")
		require.Eventually(t, func() bool { return !exists(h.exe + ".new") }, patience, 10*time.Millisecond)
		h.runs("1.0.0")
		h.target("3.0.2")
		require.Eventually(t, func() bool { return exists(h.exe + ".new") }, patience, 10*time.Millisecond)
		h.target("2.0.0") // changed midway
		h.observed("agent_updated")
		h.runs("2.0.0")
	})

	t.Run("flapping", func(t *testing.T) {
		h := f.host(t, "flapping", "1.0.0")
		h.runs("1.0.0")
		for range 10 {
			h.target("2.0.0")
			h.target("1.0.0")
			h.send()
		}
		h.target("2.0.0")
		h.observed("agent_updated")
		h.runs("2.0.0")
		require.LessOrEqual(t, h.startCount(), 6)
	})

	t.Run("floor", func(t *testing.T) {
		h := f.host(t, "floor", "1.0.0")
		h.runs("1.0.0")
		data := f.faulty("4.0.0", "none")
		f.put("4.0.0", data, f.manifest("4.0.0", data, f.key, "2.0.0"))
		h.target("4.0.0")
		h.observed("agent_updated")
		h.runs("4.0.0")
		h.target("1.0.0")
		require.Contains(t, h.observed("agent_update_refused")["reason"], "below the floor")
		h.runs("4.0.0")
		h.target("2.0.0")
		h.observed("agent_updated")
		h.runs("2.0.0")
	})

	t.Run("no keys", func(t *testing.T) {
		keyless := *f
		keyless.keys = t.TempDir()
		h := keyless.host(t, "keyless", "1.0.0")
		h.runs("1.0.0")
		data := f.faulty("4.1.0", "none")
		_, err := f.store.Put(t.Context(), jetstream.ObjectMeta{Name: objectOf("4.1.0")}, bytes.NewReader(data))
		require.NoError(t, err)
		h.target("4.1.0")
		h.observed("agent_updated")
		h.runs("4.1.0")
		require.Contains(t, h.log.String(), "nobody vouches for this release")
	})

	t.Run("disk full", func(t *testing.T) {
		h := f.host(t, "full", "1.0.0")
		h.codesOfResults = []int32{0, 121}
		h.runs("1.0.0")
		full := filepath.Join(h.state, "full")
		require.NoError(t, os.WriteFile(full, nil, 0o600))
		h.kill()
		h.target("2.0.0")
		h.send()
		require.Contains(t, h.observed("agent_update_refused")["reason"], "file too large")
		h.runs("1.0.0")
		require.NoError(t, os.Remove(full))
		h.kill()
		h.observed("agent_updated")
		h.runs("2.0.0")
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

// damage gives the object's description another digest than its bytes have.
func (f *fleet) damage(version string) {
	info, err := f.store.GetInfo(f.t.Context(), objectOf(version))
	require.NoError(f.t, err)
	sum := sha256.Sum256([]byte("something else"))
	info.Digest = "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:])
	data, err := json.Marshal(info)
	require.NoError(f.t, err)
	m := nats.NewMsg("$O." + wire.StoreAgentReleases + ".M." + base64.URLEncoding.EncodeToString([]byte(objectOf(version))))
	m.Header.Set("Nats-Rollup", "sub")
	m.Data = data
	_, err = f.js.PublishMsg(f.t.Context(), m)
	require.NoError(f.t, err)
}
