package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
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

const inlineLimit = 262_144 // the contract's

// createStore creates the store for output, or sets its limit.
func (b *backend) createStore(maxBytes int64) jetstream.ObjectStore {
	b.t.Helper()
	store, err := b.js.CreateOrUpdateObjectStore(b.t.Context(), jetstream.ObjectStoreConfig{
		Bucket: wire.StoreResultOutput, TTL: 30 * 24 * time.Hour, MaxBytes: maxBytes,
	})
	require.NoError(b.t, err)
	return store
}

// object reads what a pointer names, and checks its digest.
func (b *backend) object(key string) string {
	b.t.Helper()
	store, err := b.js.ObjectStore(b.t.Context(), wire.StoreResultOutput)
	require.NoError(b.t, err)
	ctx, cancel := context.WithTimeout(b.t.Context(), patience) // without, each chunk has 5 s
	defer cancel()
	text, err := store.GetString(ctx, key)
	require.NoError(b.t, err)
	return text
}

func (b *backend) storeState() jetstream.StreamState {
	b.t.Helper()
	stream, err := b.js.Stream(b.t.Context(), "OBJ_"+wire.StoreResultOutput)
	require.NoError(b.t, err)
	return stream.CachedInfo().State
}

// left is a result that an agent has left in its box.
func left(requestID, stdout string) wire.Result {
	at := time.Unix(1, 0).UTC()
	return wire.Result{
		ResultID: wire.ResultID(requestID, pcID), RequestID: requestID, PCID: pcID, Stdout: stdout,
		StartedAt: at, FinishedAt: at, ManifestID: "job",
	}
}

func leave(t testing.TB, cfg agent.Config, name string, file []byte) string {
	t.Helper()
	box := filepath.Join(cfg.StateDir, "outbox")
	require.NoError(t, os.MkdirAll(box, 0o755))
	path := filepath.Join(box, name+".json")
	require.NoError(t, os.WriteFile(path, file, 0o644))
	return path
}

func drained(t *testing.T, a *agent.Agent) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := a.Status()
		return s.Connected && s.Results.Pending == 0
	}, patience, 5*time.Millisecond, "results stay in the box")
}

func TestLargeOutputTravelsAsAnObject(t *testing.T) {
	t.Parallel()
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	b.createStore(-1)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	for id, script := range map[string]string{
		"limit":    fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", inlineLimit),
		"more":     fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo small >&2", inlineLimit+1),
		"both":     "head -c 300000 /dev/zero | tr '\\0' x; head -c 300001 /dev/zero | tr '\\0' y >&2",
		"controls": "head -c 250000 /dev/zero; head -c 250000 /dev/zero | tr '\\0' '\\1' >&2",
		"bytes":    "head -c 300000 /dev/zero | tr '\\0' '\\377'",
		"endless":  "head -c 9000000 /dev/zero | tr '\\0' '\\n'",
	} {
		b.send(sh(id, script))
	}
	key := func(id, stream string) string { return id + "/" + pcID + "/" + stream }
	x := strings.Repeat("x", 300_000)

	limit := b.result("limit")
	require.Equal(t, x[:inlineLimit], limit.Stdout)
	require.Empty(t, limit.StdoutObject)
	more := b.result("more")
	require.Equal(t, []string{"", key("more", "stdout"), "small\n", ""}, []string{more.Stdout, more.StdoutObject, more.Stderr, more.StderrObject})
	require.Equal(t, x[:inlineLimit+1], b.object(more.StdoutObject))
	both := b.result("both")
	require.Equal(t, []string{"", key("both", "stdout"), "", key("both", "stderr")}, []string{both.Stdout, both.StdoutObject, both.Stderr, both.StderrObject})
	require.Equal(t, x, b.object(both.StdoutObject))
	require.Equal(t, strings.Repeat("y", 300_001), b.object(both.StderrObject))
	controls := b.result("controls") // 3 MB as JSON
	require.Equal(t, strings.Repeat("\x00", 250_000), b.object(controls.StdoutObject))
	require.Equal(t, strings.Repeat("\x01", 250_000), b.object(controls.StderrObject))
	require.Equal(t, strings.Repeat("\uFFFD", 300_000), b.object(b.result("bytes").StdoutObject))
	endless := b.object(b.result("endless").StdoutObject)
	require.Contains(t, endless, "[... 611392 of 9000000 bytes left out ...]")
	require.Len(t, endless, 8<<20+len("\n[... 611392 of 9000000 bytes left out ...]\n"))
	drained(t, a)
	require.Zero(t, a.Status().Results.Stuck)
}

func TestHostsWithOneRequestHaveTheirOwnObjects(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	b.createStore(-1)
	hosts := []string{"PC-A", "PC-B"}
	for _, host := range hosts {
		cfg := newConfig(t, broker.URL())
		cfg.ID = host
		a, _ := startAgent(t, cfg, agent.WithHandler("who", agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
			_, err := j.Stdout.Write(bytes.Repeat([]byte(host), inlineLimit))
			return err
		}), agent.ReportInterrupted))
		ready(t, a)
	}
	c := sh("r", "to all")
	c.Shell = "who"
	data, err := c.Encode()
	require.NoError(t, err)
	require.NoError(t, b.nc.Publish(wire.CommandsAll(), data))
	require.Eventually(t, func() bool { return len(b.results("r")) == 2 }, patience, 5*time.Millisecond)
	for _, r := range b.results("r") {
		require.Equal(t, "r/"+r.PCID+"/stdout", r.StdoutObject)
		require.Equal(t, strings.Repeat(r.PCID, inlineLimit), b.object(r.StdoutObject))
	}
}

// Without a store, and with one that is full, large results wait and small ones
// pass.
func TestLargeOutputWaitsForTheStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	large := func(id string) { s.send(s.counting(id, "head -c 300000 /dev/zero | tr '\\0' x")) }
	failing := func(n uint64) {
		s.eventually(func() bool { return a.Status().Results.Failed >= n }, "nothing is tried")
	}
	large("no-store")
	failing(1)
	s.send(s.counting("small", ""))
	s.result("small")
	s.pending(a, 1)

	s.createStore(100_000)
	failing(a.Status().Results.Failed + 2)
	s.send(s.counting("small-too", ""))
	s.result("small-too")
	large("full-store")
	s.pending(a, 2)

	s.createStore(-1)
	s.settled(a, "no-store", "small", "small-too", "full-store")
	for _, id := range []string{"no-store", "full-store"} {
		require.Equal(t, strings.Repeat("x", 300_000), s.object(s.result(id).StdoutObject))
	}
	require.Zero(t, a.Status().Results.Stuck)
}

// The broker dies while objects are on their way to it.
func TestABrokerThatDiesDuringUploads(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.createStore(-1)
	texts := map[string]string{}
	for i := range 8 {
		id := fmt.Sprint("r-", i)
		texts[id] = strings.Repeat(fmt.Sprintf("line %d\n", i), 1<<20)
		leave(t, s.cfg, id, left(id, texts[id]).Encode())
	}
	a, _ := startAgent(t, s.cfg)
	for _, chunks := range []uint64{40, 200} {
		s.eventually(func() bool { return s.storeState().LastSeq >= chunks }, "no uploads")
		s.broker.Kill()
		s.eventually(func() bool { return !s.nc.IsConnected() }, "the loss of the connection is not noticed")
		s.broker.Start()
		s.eventually(s.nc.IsConnected, "no connection")
	}
	drained(t, a)
	for id, text := range texts {
		found := s.results(id)
		require.NotEmpty(t, found, id)
		require.Equal(t, id+"/"+pcID+"/stdout", found[0].StdoutObject)
		require.Equal(t, text, s.object(found[0].StdoutObject))
	}
}

// An agent that died between the acknowledgement and the removal of its file
// finds the object there.
func TestAnObjectThatIsThereIsNotSentAgain(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	b.createStore(-1)
	cfg := newConfig(t, broker.URL())
	file := left("r", strings.Repeat("x", 1<<20)).Encode()
	var pointers []string
	var stored []uint64
	for range 2 {
		leave(t, cfg, "r", file)
		a, stop := startAgent(t, cfg)
		pointers = append(pointers, b.result("r").StdoutObject)
		drained(t, a)
		stop()
		stored = append(stored, b.storeState().LastSeq)
	}
	require.Equal(t, "r/"+pcID+"/stdout", pointers[0])
	require.Equal(t, pointers[0], pointers[1])
	require.Equal(t, stored[0], stored[1])
	require.Len(t, b.results("r"), 1, "the message ID is the same too")
}

// A file as another writer may have made it.
func TestAForeignFileWithLargeOutputDrains(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	b.createStore(-1)
	cfg := newConfig(t, broker.URL())
	text := strings.Repeat("a \"line\"\twith é and 😀\r\n", 20_000)
	escaped, err := json.Marshal(text)
	require.NoError(t, err)
	leave(t, cfg, "odd", []byte("{ \"stderr\":\"\",\n\t\"parent_result_id\" : null, \"std\\u006fut\" :"+string(escaped)+
		", \"skipped\":false,\"finished_at\":\"2031-03-04T05:00:02Z\",\"started_at\":\"2031-03-04T05:00:01Z\",\"exit_code\":0,"+
		"\"pc_id\":\""+pcID+"\",\"request_id\":\"odd\"}\n"))
	bad := leave(t, cfg, "bad", []byte(`{"request_id":"bad","stdout":"`+strings.Repeat(`\ud800`, 100_000)+`"}`))
	a, _ := startAgent(t, cfg)
	b.result("odd")
	data := b.last(wire.StreamResults, wire.ResultSubject("odd"))
	require.Contains(t, string(data), `"skipped":false`)
	require.Contains(t, string(data), `"parent_result_id" : null`)
	r, err := wire.DecodeResult(data)
	require.NoError(t, err)
	require.Equal(t, "odd/"+pcID+"/stdout", r.StdoutObject)
	require.Equal(t, text, b.object(r.StdoutObject))
	drained(t, a)
	require.Equal(t, 1, a.Status().Results.Stuck)
	require.NoFileExists(t, bad)
}

// What scripts report may be more than a message holds; it is reported all the
// same, and where a line is bad, all of it is in the object.
func TestEventsOfALargeOutput(t *testing.T) {
	t.Parallel()
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	b.createStore(-1)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	const line = `{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"logon","source":"script:test","payload":{"text":"%01000d"}}`
	emitting := func(id, script string) {
		c := sh(id, script)
		c.Emit = &wire.EmitConfig{}
		b.send(c)
	}
	script := "i=0; while [ $i -lt 400 ]; do printf '" + line + "\\n' $i; i=$((i+1)); done"
	emitting("good", script)
	good := b.result("good")
	require.Empty(t, good.Stdout)
	require.Empty(t, good.StdoutObject)
	count := func() uint64 {
		stream, err := b.js.Stream(t.Context(), wire.StreamObsEvents)
		require.NoError(t, err)
		return stream.CachedInfo().State.Msgs
	}
	require.Eventually(t, func() bool { return count() == 400 }, patience, 5*time.Millisecond)

	emitting("one-bad", script+"; echo this is none")
	bad := b.result("one-bad")
	require.NotEmpty(t, bad.StdoutObject)
	text := b.object(bad.StdoutObject)
	require.Equal(t, 401, strings.Count(text, "\n"))
	require.True(t, strings.HasSuffix(text, "\nthis is none\n"))
}
