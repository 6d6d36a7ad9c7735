package doctor

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

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
