//go:build unix

package agent_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// doc is a JSON document.
type doc = map[string]any

// office is a backend that knows the contract and nats.go, and nothing of this
// module: every name and every document is written out. It sees the agent through the
// broker only, and remembers over wipes of the broker what it was told.
type office struct {
	t      *testing.T
	broker *jstest.Broker
	cfg    agent.Config
	dir    string // of what scripts leave
	nc     *nats.Conn
	js     jetstream.JetStream

	sent   []*order
	stored map[string][]doc // results by request, all that were ever in the stream
	begun  map[string][]doc // started events by request, see collectStarts

	created int             // how often RESULTS was
	taken   map[string]bool // messages of it

	agent *agent.Agent
	stop  func()
}

// order is a command with what has to become of it.
type order struct {
	id   string
	exit float64
	runs int
}

func newOffice(t *testing.T) *office {
	broker := jstest.NewBroker(t)
	o := &office{t: t, broker: broker, cfg: newConfig(t, broker.URL()), dir: t.TempDir(), stored: map[string][]doc{}, begun: map[string][]doc{}, taken: map[string]bool{}}
	o.cfg.Concurrency = 4
	o.cfg.LogFile = filepath.Join(o.dir, "agent.log")
	return o
}

func (o *office) startAgent() {
	o.agent, o.stop = startAgent(o.t, o.cfg, agent.WithSettleIn(settleIn))
}

// connect connects to a broker that runs.
func (o *office) connect() {
	o.t.Helper()
	o.nc = o.broker.Connect()
	var err error
	o.js, err = jetstream.New(o.nc, jetstream.WithDefaultTimeout(answerTime))
	require.NoError(o.t, err)
}

// createFleet creates what the contract's chapter 2 lists.
func (o *office) createFleet() {
	o.t.Helper()
	const day = 24 * time.Hour
	for _, s := range []jetstream.StreamConfig{
		{Name: "INVENTORY", Subjects: []string{"inventory.>"}, MaxAge: 90 * day},
		{Name: "RESULTS", Subjects: []string{"results.>"}, MaxAge: 30 * day},
		{Name: "EXEC", Subjects: []string{"commands.>"}, MaxAge: 7 * day, MaxMsgsPerSubject: 1},
		{Name: "EVENTS", Subjects: []string{"events.>"}, MaxAge: 7 * day},
		{Name: "AUDIT", Subjects: []string{"audit.>"}},
		{Name: "OBS_EVENTS", Subjects: []string{"obs.>"}, MaxAge: 90 * day},
	} {
		_, err := o.js.CreateOrUpdateStream(o.t.Context(), s)
		require.NoError(o.t, err, s.Name)
	}
	for bucket, history := range map[string]uint8{
		"script_current": 5, "script_status": 5, "agents_state": 1, "agent_config": 5, "agent_groups": 5,
		"schedules": 5, "jobs": 5, "jobs_yaml": 5, "schedules_yaml": 5,
	} {
		_, err := o.js.CreateOrUpdateKeyValue(o.t.Context(), jetstream.KeyValueConfig{Bucket: bucket, History: history})
		require.NoError(o.t, err, bucket)
	}
	for store, age := range map[string]time.Duration{"agent_releases": 0, "app_packages": 0, "scripts": 0, "result_output": 30 * day} {
		_, err := o.js.CreateOrUpdateObjectStore(o.t.Context(), jetstream.ObjectStoreConfig{Bucket: store, TTL: age})
		require.NoError(o.t, err, store)
	}
	_, err := o.js.CreateOrUpdateConsumer(o.t.Context(), "RESULTS", jetstream.ConsumerConfig{
		Durable: "backend_results_projector", AckPolicy: jetstream.AckExplicitPolicy,
	})
	require.NoError(o.t, err)
	o.created++
}

// send sends a command that counts itself. What it does not say is that of a plain
// one; a script may be empty.
func (o *office) send(subject string, exit, runs int, command doc) string {
	o.t.Helper()
	id := fmt.Sprintf("r-%d", len(o.sent))
	full := doc{"id": "job", "version": "1", "request_id": id, "shell": "sh", "script": "", "timeout_secs": 60}
	maps.Copy(full, command)
	if _, byObject := command["script_object"]; !byObject {
		full["script"] = fmt.Sprintf("echo %s- >> '%s'\n%s", id, o.path("counts"), full["script"])
	}
	require.NoError(o.t, o.nc.Publish(subject, encode(o.t, full)))
	require.NoError(o.t, o.nc.FlushTimeout(patience))
	o.sent = append(o.sent, &order{id: id, exit: float64(exit), runs: runs})
	return id
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

// put stores a row; a string is stored as it is, anything else as JSON.
func (o *office) put(bucket, key string, value any) {
	o.t.Helper()
	text, plain := value.(string)
	if !plain {
		text = string(encode(o.t, value.(doc)))
	}
	kv, err := o.js.KeyValue(o.t.Context(), bucket)
	require.NoError(o.t, err)
	revision, err := kv.PutString(o.t.Context(), key, text)
	require.NoError(o.t, err)
	if bucket == "script_current" || bucket == "script_status" { // nothing else on the wire tells that it is known
		o.eventually(func() bool {
			for _, view := range o.agent.Status().Settings {
				if view.Scope == bucket && view.Revision >= revision {
					return true
				}
			}
			return false
		}, "the row is not known")
	}
}

func (o *office) remove(bucket, key string) {
	o.t.Helper()
	kv, err := o.js.KeyValue(o.t.Context(), bucket)
	require.NoError(o.t, err)
	require.NoError(o.t, kv.Delete(o.t.Context(), key))
}

func (o *office) eventually(done func() bool, message string) {
	o.t.Helper()
	require.Eventually(o.t, done, patience, 10*time.Millisecond, message)
}

func encode(t *testing.T, d doc) []byte {
	t.Helper()
	data, err := json.Marshal(d)
	require.NoError(t, err)
	return data
}

func decode(t *testing.T, data []byte) (d doc) {
	t.Helper()
	require.NoError(t, json.Unmarshal(data, &d), "%s", data)
	return d
}

// result waits for the result of a command.
func (o *office) result(id string) doc {
	o.t.Helper()
	o.eventually(func() bool { o.project(); return len(o.stored[id]) > 0 }, "no result of "+id)
	return o.stored[id][0]
}
