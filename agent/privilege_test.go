package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// documentedPermissions is the block in the README, which is for the host PC-1.
func documentedPermissions(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "### Permissions\n")
	require.True(t, found)
	_, block, found := strings.Cut(section, "```\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	return block
}

// guarded is a site whose broker denies the agent everything but what is
// documented, and logs what it denies.
type guarded struct {
	*site
	log string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	needsSh(t)
	log := filepath.Join(t.TempDir(), "broker.log")
	permissions := documentedPermissions(t)
	t.Log("permissions of the agent:\n" + permissions)
	broker := jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(`
		log_file: %q
		no_auth_user: admin
		authorization { users: [
			{user: admin, password: admin},
			{user: agent, password: agent, %s},
		] }`, log, permissions)))
	dir := t.TempDir()
	g := &guarded{log: log, site: &site{
		backend: newBackend(t, broker), broker: broker, cfg: newConfig(t, broker.URL()),
		counts: filepath.Join(dir, "counts"), gate: filepath.Join(dir, "gate"),
	}}
	g.cfg.User, g.cfg.Password = "agent", "agent"
	t.Cleanup(func() { t.Log("denied:\n" + strings.Join(g.violations(), "\n")) })
	return g
}

var violation = regexp.MustCompile(`(?:Publish|Subscription) Violation.*Subject "[^"]*"`)

// violations are what the broker has denied so far.
func (g *guarded) violations() []string {
	g.t.Helper()
	text, err := os.ReadFile(g.log)
	require.NoError(g.t, err)
	return slices.Compact(slices.Sorted(slices.Values(violation.FindAllString(string(text), -1))))
}

// hears returns what comes on a subject.
func (b *backend) hears(subject string) chan *nats.Msg {
	b.t.Helper()
	heard := make(chan *nats.Msg, 64)
	_, err := b.nc.ChanSubscribe(subject, heard)
	require.NoError(b.t, err)
	require.NoError(b.t, b.nc.Flush())
	return heard
}

func (b *backend) awaits(heard chan *nats.Msg, what string) {
	b.t.Helper()
	select {
	case <-heard:
	case <-time.After(patience):
		require.Fail(b.t, "nothing heard", what)
	}
}

func (b *backend) putGroups(groups ...string) {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.t.Context(), wire.BucketAgentGroups)
	require.NoError(b.t, err)
	_, err = kv.Put(b.t.Context(), pcID, wire.AgentGroups{Groups: groups}.Encode())
	require.NoError(b.t, err)
}

func (b *backend) sendTo(subject string, c wire.Command) {
	b.t.Helper()
	data, err := c.Encode()
	require.NoError(b.t, err)
	_, err = b.js.Publish(b.t.Context(), subject, data)
	require.NoError(b.t, err)
}

// An agent goes through everything that it does at a broker that denies the rest.
// A denied request is silence: only the broker's log tells.
func TestTheDocumentedPermissionsAreEnough(t *testing.T) {
	g := newGuarded(t)
	g.createStore(-1)
	scripts := g.createScripts()
	g.putGroups("lab")
	g.putConfig(wire.ConfigKeyGlobal, "5m")
	heartbeats, load := g.hears(wire.HeartbeatSubject(pcID)), g.hears(wire.HostPerfSubject(pcID))
	g.sendTo(wire.CommandsGroup("lab"), g.counting("before-the-start", ""))
	g.createConsumerOfAnother()
	a, stop := g.start()

	g.takesCommands(a)
	g.killsAndReports()
	g.movesLargeThings(scripts)
	g.followsSettings(a)
	g.runsSchedules(a)
	g.answersRequests()
	g.awaits(heartbeats, "heartbeat")
	g.awaits(load, "host performance")
	g.broker.Restart()
	g.replayed(a, "after-a-restart")
	g.healsFromAWipe(a)
	for _, r := range a.Status().Resources {
		require.NotEqual(t, "denied", r.Reason, "%s: %s", r.Name, r.Error)
	}
	stop()
	require.Empty(t, g.violations())
}

// createConsumerOfAnother makes the host's consumer as another agent had it, which
// ours takes over with what cannot be changed.
func (g *guarded) createConsumerOfAnother() {
	g.t.Helper()
	name := wire.ReplayConsumer(pcID)
	_, err := g.js.CreateConsumer(g.t.Context(), wire.StreamExec, jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		FilterSubjects: []string{wire.CommandsAll(), wire.CommandsGroup("lab")},
	})
	require.NoError(g.t, err)
}

func (g *guarded) takesCommands(a *agent.Agent) {
	g.t.Helper()
	require.Zero(g.t, g.result("before-the-start").ExitCode)
	g.send(g.counting("to-me", ""))
	require.Zero(g.t, g.result("to-me").ExitCode)
	g.sendTo(wire.CommandsAll(), g.counting("to-all", ""))
	require.Zero(g.t, g.result("to-all").ExitCode)
	g.sendTo(wire.CommandsGroup("canary"), g.counting("before-the-join", ""))
	g.putGroups("lab", "canary")
	require.Zero(g.t, g.result("before-the-join").ExitCode)
	g.pending(a, 0)
}

func (g *guarded) killsAndReports() {
	g.t.Helper()
	c := g.gated("to-be-killed")
	c.ExecID, c.Emit = "exec-1", &wire.EmitConfig{}
	c.Script = `echo '{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"logon","source":"script:test"}'` + "\n" + c.Script
	started := g.hears(wire.StartedSubject("exec-1", pcID))
	g.send(c)
	g.awaits(started, "started event")
	require.NoError(g.t, g.nc.Publish(wire.KillSubject("exec-1"), nil))
	require.NotZero(g.t, g.result("to-be-killed").ExitCode)
	g.send(g.counting("observes", ""))
	observed := sh("emits", `echo '{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"logon","source":"script:test"}'`)
	observed.Emit = &wire.EmitConfig{}
	heard := g.hears(wire.ObsSubject(pcID))
	g.send(observed)
	g.awaits(heard, "observation")
}

// movesLargeThings: the output replaces another one of its name, whose chunks are
// purged.
func (g *guarded) movesLargeThings(scripts jetstream.ObjectStore) {
	g.t.Helper()
	digest := g.putScript(scripts, "job/1", "echo from the store")
	g.send(byObject("by-object", "job/1", digest))
	require.Equal(g.t, "from the store\n", g.result("by-object").Stdout)
	outputs, err := g.js.ObjectStore(g.t.Context(), wire.StoreResultOutput)
	require.NoError(g.t, err)
	_, err = outputs.PutString(g.t.Context(), "large/"+pcID+"/stdout", "of an upload before")
	require.NoError(g.t, err)
	g.send(g.counting("large", "head -c 3000000 /dev/zero | tr '\\0' x"))
	r := g.result("large")
	require.NotEmpty(g.t, r.StdoutObject)
	require.Equal(g.t, "large/"+pcID+"/stdout", r.StdoutObject)
	require.Len(g.t, g.object(r.StdoutObject), 3_000_000)
}

func (g *guarded) followsSettings(a *agent.Agent) {
	g.t.Helper()
	for _, key := range []string{wire.ConfigKeyGlobal, wire.ConfigKeyGroup("lab"), wire.ConfigKeyPC(pcID)} {
		revision := g.putConfig(key, "20m")
		g.eventually(func() bool { return hasConfig(a, revision) }, key+" is not followed")
	}
	for bucket, value := range map[string]string{wire.BucketScriptCurrent: "2", wire.BucketScriptStatus: wire.ScriptActive} {
		g.putRow(bucket, "old-job", []byte(value))
		g.eventually(func() bool {
			return slices.ContainsFunc(a.Status().Settings, func(s agent.ScopeStatus) bool { return s.Scope == bucket && s.Revision > 0 })
		}, bucket+" is not followed")
	}
	old := g.counting("another-version-is-pinned", "") // which the leaders are asked about
	old.ID = "old-job"
	g.send(old)
	require.NotZero(g.t, g.result("another-version-is-pinned").ExitCode)
}

func (g *guarded) runsSchedules(a *agent.Agent) {
	g.t.Helper()
	g.putJob("scheduled", "1", "")
	g.putSchedule(wire.Schedule{ID: "often", JobID: "scheduled"})
	g.armed(a, 1)
	g.ranMore("scheduled-1", 1)
	g.deleteRow(wire.BucketSchedules, "often")
	g.armed(a, 0)
}

// healsFromAWipe: what is missing is waited for, and made anew.
func (g *guarded) healsFromAWipe(a *agent.Agent) {
	g.t.Helper()
	g.broker.Kill()
	g.broker.Wipe()
	g.broker.Start()
	g.eventually(func() bool {
		waiting := 0
		for _, r := range a.Status().Resources {
			if !r.WaitingSince.IsZero() {
				waiting++
			}
		}
		return a.Status().Connected && waiting >= 5
	}, "the agent does not miss its buckets")
	g.eventually(g.nc.IsConnected, "no connection")
	createStreams(g.t, g.nc)
	g.putGroups("lab")
	g.replayed(a, "after-a-wipe")
	g.eventually(func() bool { return len(a.Status().Problems()) == 0 }, "not healthy")
}

func (g *guarded) answersRequests() {
	g.t.Helper()
	for subject, request := range map[string][]byte{
		wire.PingSubject(pcID): nil, wire.LogsFetchSubject(pcID): []byte("{}"),
		wire.JobTailSubject(pcID): wire.JobTailRequest{ResultID: wire.ResultID("to-me", pcID)}.Encode(),
	} {
		_, err := g.nc.Request(subject, request, patience)
		require.NoError(g.t, err, subject)
	}
}
