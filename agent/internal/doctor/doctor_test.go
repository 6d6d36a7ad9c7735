package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/retry/jstest"
)

// login is a user with a password.
type login struct{ user, password string }

func (l login) Options(context.Context) ([]nats.Option, error) {
	return []nats.Option{nats.UserInfo(l.user, l.password)}, nil
}

// configFor is a host that may use url as agent.
func configFor(t *testing.T, url string) Config {
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return Config{
		PCID: "pc-1", StateDir: dir, Staging: filepath.Join(dir, "agent-scripts"), Shells: []exec.Shell{exec.Sh, exec.Cmd},
		Broker: natskit.Options{Servers: []string{url}, Name: "doctor", Credentials: login{"agent", "a"}}, ConnectWait: 30 * time.Second,
	}
}

// onlyBroker leaves out what takes a second and is tested elsewhere.
func onlyBroker(ctx context.Context, cfg Config) (found []Finding) {
	d := &doctor{Config: cfg, report: report{yield: func(f Finding) bool { found = append(found, f); return true }}}
	d.broker(ctx)
	return found
}

func at(level string, found []Finding) (texts []string) {
	for _, f := range found {
		if f.Level == level {
			texts = append(texts, f.Check+": "+f.Subject+f.Text)
		}
	}
	return texts
}

func find(t *testing.T, found []Finding, check string) Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == check })
	require.GreaterOrEqual(t, i, 0, "%s in %v", check, found)
	return found[i]
}

// users is a broker's configuration: an administrator, and the agent's user with
// these permissions.
func users(permissions string) jstest.BrokerOption {
	return jstest.WithConfig(`authorization { users: [
  { user: admin, password: a }
  { user: agent, password: a, ` + permissions + ` }
] }`)
}

func everything(t *testing.T, js jetstream.JetStream) {
	ctx := t.Context()
	for _, s := range wire.Streams() {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects, MaxMsgsPerSubject: s.MaxMsgsPerSubject})
		require.NoError(t, err)
	}
	for _, b := range wire.Buckets() {
		_, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
		require.NoError(t, err)
	}
	for _, o := range wire.ObjectStores() {
		_, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: o.Name})
		require.NoError(t, err)
	}
}

func TestAHealthyHost(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	everything(t, b.JetStream())
	cfg := configFor(t, b.URL())
	cfg.LogFile = filepath.Join(cfg.StateDir, "logs", "agent.log") // a folder that is made with the first line
	found := slices.Collect(Check(t.Context(), cfg))
	require.Empty(t, at(Fail, found))
	require.Empty(t, at(Warn, found))
	for _, check := range []string{"state folder", "log folder", "disk", "agent", "staging", "shells", "broker", "credentials", "permission", "permissions", "clock", "streams and buckets"} {
		require.NotEmpty(t, find(t, found, check).Text)
	}
	require.Contains(t, at(OK, found), "permissions: none is known to be missing")
}

func TestAnEmptyBroker(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	require.Empty(t, at(Fail, found))
	require.Equal(t, []string{
		"streams and buckets: missing: bucket agent_config, bucket agent_groups, bucket jobs, bucket schedules, bucket script_current, " +
			"bucket script_status, object store result_output, object store scripts, stream EVENTS, stream EXEC, stream OBS_EVENTS, stream RESULTS",
	}, at(Warn, found))
}

func TestABrokerWithoutJetStream(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithoutJetStream())
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	require.Equal(t, []string{"jetstream: it is not there for this account"}, at(Fail, found))
}

// What is missing comes out as a block that, put into the configuration, mends it.
func TestTheBlockMendsThePermissions(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"nothing but to ask":  `publish: { allow: ["$SYS.REQ.USER.INFO"] }, subscribe: { allow: ["_INBOX.>"] }`,
		"not even an inbox":   `publish: { allow: ["$SYS.REQ.USER.INFO"] }, subscribe: { allow: ["nothing"] }`,
		"not even to ask":     `publish: { allow: ["nothing"] }, subscribe: { allow: ["_INBOX.>"] }`,
		"nothing whatsoever":  `publish: { allow: ["nothing"] }, subscribe: { allow: ["nothing"] }`,
		"all but one of each": `publish: { allow: ["$SYS.>", "$JS.>", "$KV.>", "$O.>", "_INBOX.>", "results.>", "events.>", "obs.>", "host_perf.>", "process_perf.>", "inventory.>"] }, subscribe: { allow: ["_INBOX.>", "kill.>", "agents.>", "logs.>", "job.>", "$KV.>", "commands.all", "commands.group.*"] }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := jstest.StartBroker(t, users("permissions: { "+rules+" }"))
			everything(t, b.JetStream(nats.UserInfo("admin", "a")))
			cfg := configFor(t, b.URL())
			blocks := []string{}
			for range 4 { // the broker tells the rest only once it may be asked
				found := onlyBroker(t.Context(), cfg)
				require.Equal(t, OK, find(t, found, "broker").Level)
				require.Equal(t, OK, find(t, found, "credentials").Level)
				block := find(t, found, "permissions").Block
				if name == "all but one of each" && len(blocks) == 0 {
					require.Equal(t, "permissions {\n  publish: { allow: [\n    \"heartbeat.pc-1\"\n  ] }\n  subscribe: { allow: [\n    \"commands.pc.pc-1\"\n  ] }\n}", block)
				}
				if block == "" && len(at(Warn, found))+len(at(Fail, found)) == 0 {
					require.Contains(t, at(OK, found), "permissions: none is known to be missing")
					return
				}
				blocks = append(blocks, block)
				b.Stop()
				b.Reconfigure(users("permissions: { " + merged(rules, blocks) + " }"))
				b.Start()
			}
			t.Fatalf("still something is missing after %v", blocks)
		})
	}
}

// merged puts blocks beside the rules that were there: what an administrator does
// by hand, with the right to ask that doctor's advice names.
func merged(rules string, blocks []string) string {
	lists := map[string][]string{"publish": {`"$SYS.REQ.USER.INFO"`}, "subscribe": nil}
	responses := ""
	for _, text := range append([]string{strings.NewReplacer("[", "[\n", ",", "\n", "]", "\n]").Replace(rules)}, blocks...) {
		verb := ""
		for line := range strings.SplitSeq(text, "\n") {
			switch line = strings.TrimSpace(line); {
			case strings.HasSuffix(line, "publish: { allow: ["):
				verb = "publish"
			case strings.HasSuffix(line, "subscribe: { allow: ["):
				verb = "subscribe"
			case strings.Contains(line, "allow_responses"):
				responses = ", allow_responses: true"
			case strings.HasPrefix(line, `"`):
				lists[verb] = append(lists[verb], line)
			}
		}
	}
	return "publish: { allow: [" + strings.Join(lists["publish"], ", ") + "] }, subscribe: { allow: [" + strings.Join(lists["subscribe"], ", ") + "] }" + responses
}

// What the broker denies by name is found although everything else is allowed.
func TestDenyLists(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, users(`permissions: { publish: { deny: ["obs.>", "$JS.API.CONSUMER.>", "$JS.ACK.>"] }, subscribe: { deny: ["kill.>"] } }`))
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	var refused []string
	for _, f := range found {
		if f.Check == permissionCheck && f.Level != OK {
			refused = append(refused, f.Level+" "+f.Subject)
		}
	}
	require.Equal(t, []string{
		"fail subscribe kill.*", "warn subscribe kill.*.>",
		"fail publish $JS.API.CONSUMER.CREATE.EXEC.agent_replay_pc-1", "fail publish $JS.API.CONSUMER.INFO.EXEC.agent_replay_pc-1",
		"warn publish $JS.API.CONSUMER.DELETE.EXEC.agent_replay_pc-1", "fail publish $JS.API.CONSUMER.MSG.NEXT.EXEC.agent_replay_pc-1",
		"fail publish $JS.ACK.EXEC.agent_replay_pc-1.>", "fail publish obs.pc-1",
	}, refused)
}

// Nobody at the broker notices a doctor: what it publishes is requests to the
// server alone, and neither streams nor the consumer of the agent move.
func TestNothingIsPublishedThatIsData(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := b.JetStream()
	everything(t, js)
	ctx := t.Context()
	consumer, err := js.CreateConsumer(ctx, wire.StreamExec, jetstream.ConsumerConfig{
		Durable: wire.ReplayConsumer("pc-1"), AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: wire.ReplayFilters("pc-1", nil),
	})
	require.NoError(t, err)
	for range 2 {
		_, err = js.Publish(ctx, wire.CommandsPC("pc-1"), []byte("one"))
		require.NoError(t, err)
		_, err = js.Publish(ctx, wire.CommandsAll(), []byte("two"))
		require.NoError(t, err)
	}
	pulled, err := consumer.Fetch(1)
	require.NoError(t, err)
	require.NotNil(t, <-pulled.Messages(), "one message is in flight")
	before := states(t, js)

	var mu sync.Mutex
	var heard []string
	tap := b.Connect()
	_, err = tap.Subscribe(">", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, m.Subject)
	})
	require.NoError(t, err)
	require.NoError(t, tap.Flush())
	require.Empty(t, at(Fail, onlyBroker(ctx, configFor(t, b.URL()))))
	require.NoError(t, tap.Flush())

	require.Equal(t, before, states(t, js))
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, heard)
	for _, subject := range heard {
		server := slices.ContainsFunc([]string{"$JS.API.", "$JS.ACK.", "$JS.EVENT.ADVISORY.API", "$SYS.REQ.USER.INFO", "_INBOX."}, func(prefix string) bool {
			return strings.HasPrefix(subject, prefix)
		})
		require.True(t, server, subject)
		require.NotContains(t, subject, "PURGE")
	}
}

// states is everything that a stream and its consumers say of themselves, but for
// the time of the answer.
func states(t *testing.T, js jetstream.JetStream) (all []any) {
	for info := range js.ListStreams(t.Context()).Info() {
		all = append(all, info.State.Msgs, info.State.LastSeq, info.State.Consumers)
		s, err := js.Stream(t.Context(), info.Config.Name)
		require.NoError(t, err)
		for c := range s.ListConsumers(t.Context()).Info() {
			all = append(all, c.Name, c.Config.AckWait, c.Delivered.Consumer, c.Delivered.Stream, c.AckFloor.Stream, c.NumAckPending, c.NumRedelivered, c.NumPending, c.NumWaiting)
		}
	}
	return all
}

func TestABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	cfg := configFor(t, "nats://user:sesame@"+address)
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, found, 1)
	require.Equal(t, Fail, found[0].Level)
	require.Contains(t, found[0].Text, "nats://"+address)
	require.NotContains(t, found[0].Text, "sesame")
	require.NotEmpty(t, found[0].Advice)
}

func TestTheServersAreTriedOneByOne(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	cfg := configFor(t, "127.0.0.1:1")
	cfg.Broker.Servers = append(cfg.Broker.Servers, b.URL())
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, at(Fail, found), 1)
	require.Equal(t, OK, find(t, found, "credentials").Level)
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, users("permissions: {}"))
	cfg := configFor(t, b.URL())
	cfg.Broker.Credentials = login{"agent", "sesame"}
	found := onlyBroker(t.Context(), cfg)
	require.Equal(t, OK, find(t, found, "broker").Level)
	require.Equal(t, Fail, find(t, found, "credentials").Level)
	require.Len(t, found, 2)
	require.NotContains(t, found[1].Text, "sesame")
}

// A server that accepts and says nothing costs its time, not for ever.
func TestAServerThatIsSilent(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	cfg := configFor(t, silent.Addr().String())
	cfg.ConnectWait = time.Second
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, found, 1)
	require.Equal(t, Fail, found[0].Level)
}

func TestItEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Empty(t, slices.Collect(Check(ctx, configFor(t, "127.0.0.1:1"))))
	for range Check(t.Context(), configFor(t, "127.0.0.1:1")) {
		break // and when nobody listens any more
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	cfg := configFor(t, "127.0.0.1:1")
	if runtime.GOOS == "linux" {
		cfg.StateDir = "/proc/kanade" // not even root may
	} else {
		cfg.StateDir = filepath.Join(cfg.StateDir, "nul\x00")
	}
	cfg.Staging = filepath.Join(cfg.StateDir, "agent-scripts")
	cfg.Broker.Servers = nil
	cfg.LogFile = filepath.Join(cfg.StateDir, "logs", "agent.log")
	found := slices.Collect(Check(t.Context(), cfg))
	require.Equal(t, Fail, find(t, found, "state folder").Level)
	require.Equal(t, Warn, find(t, found, "log folder").Level, "the agent works without")
	require.NotEmpty(t, find(t, found, "log folder").Advice)
	require.Equal(t, Fail, find(t, found, "staging").Level)
	require.NotEmpty(t, find(t, found, "state folder").Advice)
}

func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		began := time.Now()
		_, err := patiently(t.Context(), func() (time.Duration, error) { <-goOn; return 0, nil })
		require.ErrorIs(t, err, errHangs)
		require.Equal(t, diskWait, time.Since(began))
		close(goOn)
	})
}

func TestAFolderThatIsNotThereYet(t *testing.T) {
	t.Parallel()
	cfg := configFor(t, "127.0.0.1:1")
	top := cfg.StateDir
	cfg.StateDir = filepath.Join(top, "a", "b")
	cfg.Staging = filepath.Join(cfg.StateDir, "agent-scripts")
	cfg.Broker.Servers = nil
	found := slices.Collect(Check(t.Context(), cfg))
	require.Empty(t, at(Fail, found))
	require.Contains(t, find(t, found, "state folder").Text, "not there yet")
	left, err := filepath.Glob(filepath.Join(top, "*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing was made or left")
}

func TestTheClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		skew, doubt time.Duration
		level, text string
	}{
		"right":            {40 * time.Millisecond, time.Millisecond, OK, "40ms behind"},
		"ahead":            {-10 * time.Second, time.Millisecond, Warn, "10s ahead of"},
		"far":              {2 * time.Hour, time.Millisecond, Fail, "2h0m0s behind"},
		"within the doubt": {6 * time.Second, 2 * time.Second, OK, "6s behind"},
	} {
		var found []Finding
		d := &doctor{report: report{yield: func(f Finding) bool { found = append(found, f); return true }}}
		d.clock(userInfo{known: true, skew: tc.skew, doubt: tc.doubt}, &prober{})
		require.Equal(t, tc.level, found[0].Level, name)
		require.Contains(t, found[0].Text, tc.text)
	}
}

// A user who may not ask the server who it is: what can be tried is tried, the
// clock comes from another answer, and the rest is said not to be known.
func TestAUserWhoMayNotAsk(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, users(`permissions: { publish: { deny: ["$SYS.>", "obs.>"] } }`))
	everything(t, b.JetStream(nats.UserInfo("admin", "a")))
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	require.Empty(t, at(Fail, found))
	require.Equal(t, OK, find(t, found, "clock").Level)
	unknown := 0
	for _, f := range found {
		if f.Check == permissionCheck && f.Level == Warn {
			unknown++
			require.Contains(t, f.Text, "not known")
			require.Contains(t, f.Advice, userInfoSubject)
		}
	}
	require.Equal(t, 12, unknown, "results, inventory, the consumer's end, starts, events, three of telemetry, three of objects, replies")
	require.Contains(t, find(t, found, "permissions").Text, "none is known to be missing")
}

// A role that lets each key be read for itself does.
func TestRolesForTheReadersOfNATS(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, users(`permissions: { publish: { deny: ["$JS.API.DIRECT.GET.*"] } }`))
	everything(t, b.JetStream(nats.UserInfo("admin", "a")))
	var refused []string
	for _, f := range onlyBroker(t.Context(), configFor(t, b.URL())) {
		if f.Check == permissionCheck && f.Level != OK {
			refused = append(refused, f.Level+" "+f.Subject)
		}
	}
	require.Equal(t, []string{
		"fail publish $JS.API.DIRECT.GET.KV_script_current", "fail publish $JS.API.DIRECT.GET.KV_script_status", "fail publish $JS.API.DIRECT.GET.KV_schedules",
	}, refused)
}
