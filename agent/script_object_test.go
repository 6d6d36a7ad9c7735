package agent_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

func digestOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return hex.EncodeToString(sum[:])
}

// byObject is a command that names its script.
func byObject(requestID, object, digest string) wire.Command {
	c := sh(requestID, "")
	c.ScriptObject, c.ScriptObjectSHA256 = object, digest
	return c
}

// createScripts creates the store of scripts.
func (s *site) createScripts() jetstream.ObjectStore {
	s.t.Helper()
	store, err := s.js.CreateObjectStore(s.t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	require.NoError(s.t, err)
	return store
}

// putScript stores a script that counts itself under the name of its object.
func (s *site) putScript(store jetstream.ObjectStore, object, script string) (digest string) {
	s.t.Helper()
	text := "echo " + object + " >> '" + s.counts + "'\n" + script
	_, err := store.PutString(s.t.Context(), object, text)
	require.NoError(s.t, err)
	return digestOf(text)
}

func TestAScriptObjectThatIsMissingOrHasAWrongDigestFailsOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store := s.createScripts()
	hello := s.putScript(store, "job/1", "echo hello")
	_, err := store.PutString(t.Context(), "job/binary", "echo \xff")
	require.NoError(t, err)
	_, err = store.PutString(t.Context(), "job/large", strings.Repeat("#", 4<<20+1))
	require.NoError(t, err)
	a, _ := s.start()
	for id, c := range map[string][3]string{
		"missing":      {"job/2", hello, "not in the object store"},
		"wrong-digest": {"job/1", strings.Repeat("0", 64), "wrong digest"},
		"no-digest":    {"job/1", "", "unusable name or digest"},
		"path":         {"../job/1", "../../" + hello[6:], "unusable name or digest"},
		"not-text":     {"job/binary", digestOf("echo \xff"), "not UTF-8"},
		"large":        {"job/large", digestOf(strings.Repeat("#", 4<<20+1)), "too large"},
	} {
		before := a.Status().Commands.Duplicates
		s.send(byObject(id, c[0], c[1]))
		s.send(byObject(id, c[0], c[1]))
		r := s.result(id)
		require.EqualValues(t, wire.ExitFailed, r.ExitCode, id)
		require.Contains(t, r.Stderr, `"`+c[0]+`"`, id)
		require.Contains(t, r.Stderr, c[2], id)
		require.Empty(t, r.Stdout, id)
		s.pending(a, 0)
		s.eventually(func() bool { return a.Status().Commands.Duplicates > before }, "the second copy is not taken")
		require.Len(t, s.results(id), 1, id)
	}
	require.Zero(t, s.runs("job/1"))
}

// A script that was fetched once needs neither store nor broker.
func TestAScriptObjectRunsAndRunsAgainWithoutTheBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Concurrency = 1
	store := s.createScripts()
	digest := s.putScript(store, "job/1", "echo hello")
	a, _ := s.start()
	s.send(byObject("first", "job/1", digest))
	require.Equal(t, "hello\n", s.result("first").Stdout)
	require.FileExists(t, filepath.Join(s.cfg.StateDir, "script_cache", digest))
	require.NoError(t, store.Delete(t.Context(), "job/1"))

	s.send(s.gated("gated"))
	s.running(a, 1)
	s.send(byObject("offline", "job/1", digest))
	s.waiting(a, 1)
	s.pending(a, 0)
	s.broker.Kill()
	s.open()
	s.pending(a, 2)
	require.Equal(t, 2, s.runs("job/1"))
	s.broker.Start()
	s.connected()
	require.Equal(t, "hello\n", s.result("offline").Stdout)
}

func (s *site) waiting(a *agent.Agent, n int) {
	s.t.Helper()
	s.eventually(func() bool { return a.Status().Commands.Waiting == n }, "commands do not wait")
}

// connected waits for a broker that has just been started.
func (s *site) connected() {
	s.t.Helper()
	s.eventually(func() bool {
		if !s.nc.IsConnected() {
			return false
		}
		_, err := s.js.Stream(s.t.Context(), wire.StreamResults)
		return err == nil
	}, "the broker has no streams")
}

// A command that waits for its script goes on waiting while the broker is away, over
// a restart of the agent too, and runs once.
func TestAScriptObjectIsWaitedForWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store := s.createScripts()
	digest := s.putScript(store, "job/1", "echo hello")
	require.NoError(t, s.js.DeleteObjectStore(t.Context(), wire.StoreScripts))
	a, stop := s.start()
	s.send(byObject("waits", "job/1", digest))
	s.waiting(a, 1)
	s.broker.Kill()
	s.eventually(func() bool { return !a.Status().Connected }, "the loss of the connection is not noticed")
	s.waiting(a, 1)
	stop()
	a, _ = startAgent(t, s.cfg)
	s.waiting(a, 1)
	require.Zero(t, a.Status().Results.Pending)
	s.broker.Start()
	s.connected()
	s.putScript(s.createScripts(), "job/1", "echo hello")
	require.Equal(t, "hello\n", s.result("waits").Stdout)
	s.pending(a, 0)
	require.Len(t, s.results("waits"), 1)
	require.Equal(t, 1, s.runs("job/1"))
}

// A store that is not there is waited for, as everything else is; other commands
// go on, and a kill ends the wait.
func TestTheStoreOfScriptsIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	store := s.createScripts()
	digest := s.putScript(store, "job/1", "echo hello")
	require.NoError(t, s.js.DeleteObjectStore(t.Context(), wire.StoreScripts))
	s.send(byObject("waits", "job/1", digest))
	killed := byObject("killed", "job/2", digest)
	killed.ExecID = "exec-killed"
	s.send(killed)
	s.waiting(a, 2)
	s.send(sh("inline", "echo inline"))
	require.Equal(t, "inline\n", s.result("inline").Stdout)
	s.eventually(func() bool {
		require.NoError(t, s.nc.Publish(wire.KillSubject("exec-killed"), nil))
		return len(s.results("killed")) == 1
	}, "a kill does not end the wait")
	require.Equal(t, wire.KilledNote("exec-killed"), s.result("killed").Stderr)
	s.putScript(s.createScripts(), "job/1", "echo hello")
	require.Equal(t, "hello\n", s.result("waits").Stdout)
	require.Equal(t, 1, s.runs("job/1"))
}

// What the reference release has in its cache is used as it is, without a store.
func TestACacheOfTheReferenceReleaseIsUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const script = "echo from the cache"
	folder := filepath.Join(s.cfg.StateDir, "script_cache")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	left := filepath.Join(folder, digestOf(script)+".0123456789abcdef0123456789abcdef.tmp")
	require.NoError(t, os.WriteFile(filepath.Join(folder, digestOf(script)), []byte(script), 0o644))
	require.NoError(t, os.WriteFile(left, []byte("echo half"), 0o644))
	s.start()
	s.send(byObject("cached", "job/1", digestOf(script)))
	require.Equal(t, "from the cache\n", s.result("cached").Stdout)
	require.NoFileExists(t, left)
}
