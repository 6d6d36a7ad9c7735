package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestTheReadmeIsFollowed(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.types("go build -trimpath -ldflags '-s -w -X main.version=1.5.0' ./cmd/kanade-agent")
	r.signs()
	r.configures()
	p := r.runs()
	p.waitFor(t, "agent takes commands")
	r.operates()
	r.hasAStuckRecord()
	r.stops(p)
	r.asksWithoutAnAgent()
	p = r.runs() // what was put back is tried at the start at the latest
	p.waitFor(t, "agent takes commands")
	require.Eventually(t, func() bool {
		info, err := r.results.Info(t.Context())
		return err == nil && info.State.Msgs == 1
	}, patience, 50*time.Millisecond, "the result that was stuck has not arrived")
	r.stops(p)

	var wanted, followed []string
	for command, proofs := range readmeCommands {
		if len(proofs) == 0 {
			wanted = append(wanted, command)
		}
	}
	for command := range r.followed {
		followed = append(followed, command)
	}
	require.ElementsMatch(t, wanted, followed, "not all is executed that readmeCommands promises")
}

// signs makes a key and a release; the hosts' part of the key comes into the folder
// of the configuration, which takes signed releases only.
func (r *reader) signs() {
	r.t.Helper()
	r.types("kanade-agent release keygen --out fleet")
	r.types("mkdir -p /etc/kanade/release-keys")
	r.types("cp fleet.pub /etc/kanade/release-keys/")
	require.Regexp(r.t, `^kanade-agent 1\.5\.0( \(|\n)`, r.types("kanade-agent version"), "hosts would refuse it under another version")
	r.types("kanade-agent release sign ./kanade-agent --version 1.5.0 --key fleet.key")
	said, code := r.shell("kanade-agent release verify ./kanade-agent --key etc/release-keys/fleet.pub")
	require.Zero(r.t, code, said)
}

// twoMistakes are those of the README's example, at their places.
const twoMistakes = `[agent]
id = 'pc-1'
nats_url = 'nats://broker.example:4222'

[log]
path = '/var/log/kanade/agent.log'
level = 'info'

[scripts]
cpu = '10m'
processes = 200
memory = '5MB'
low-priority = true
`

func (r *reader) configures() {
	r.t.Helper()
	readme := readReadme(r.t)
	r.writes("agent.toml", twoMistakes)
	said, code := r.shell("kanade-agent config check --config agent.toml")
	require.Equal(r.t, 1, code, said)
	require.True(r.t, slices.ContainsFunc(readme.samples, func(sample string) bool { return strings.HasPrefix(said, sample) }), said)

	require.Len(r.t, readme.fences["toml"], 1)
	r.writes("agent.toml", readme.fences["toml"][0])
	require.Contains(r.t, r.types("kanade-agent config check"), ": 0 errors, 0 warnings\n")
	shown := r.types("kanade-agent config show --effective")
	for _, setting := range []string{"update.keys", "scripts.cgroup", "metrics.listen"} {
		require.Regexp(r.t, `(?m)^`+setting+` .*agent\.toml:\d+`, shown)
	}
	require.Contains(r.t, r.types("kanade-agent run --help"), "KANADE_NATS_URL")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(r.t, r.types("kanade-agent completion "+shell), "kanade-agent")
	}
	require.Contains(r.t, r.types("kanade-agent install --print systemd"), "ExecStart=")
	require.Contains(r.t, r.types("kanade-agent install --print launchd"), "<plist ")
}

func (r *reader) operates() {
	r.t.Helper()
	status := r.follow("kanade-agent status")
	require.Eventually(r.t, func() bool {
		said, code := r.shell(status)
		return code == 0 && strings.Contains(said, ": healthy\n")
	}, patience, 50*time.Millisecond, "it does not become healthy")
	said, _ := r.shell(status + " --json")
	require.True(r.t, json.Valid([]byte(said)), said)
	metrics := r.gets("curl http://127.0.0.1:9464/metrics", "\nkanade_agent_problems 0\n")
	for _, name := range regexp.MustCompile(`kanade_agent_\w+`).FindAllString(fileText(r.t, "README.md"), -1) {
		require.Regexp(r.t, `(?m)^`+name+`[ {]`, metrics)
	}
	r.gets("curl http://127.0.0.1:9464/healthz", "ok\n")
	r.gets("curl http://127.0.0.1:9464/readyz", "ready\n")
	doctor := r.looks("kanade-agent doctor")
	require.Contains(r.t, doctor, "OK    configuration: read from "+r.dir+"/agent.toml\n")
	require.Contains(r.t, doctor, "OK    updates: signed releases are taken, 1 public key in "+r.dir+"/etc/release-keys\n")
	require.Contains(r.t, r.looks("kanade-agent inventory"), "\nSYSTEM (os)\n")

	_, err := r.broker.JetStream().CreateObjectStore(r.t.Context(), jetstream.ObjectStoreConfig{Bucket: "agent_releases"})
	require.NoError(r.t, err)
	require.Contains(r.t, r.types("kanade-agent release publish ./kanade-agent --nats-url nats://broker:4222"), "1.5.0-linux-")

	r.types("kanade-agent diag")
	bundles, err := filepath.Glob(filepath.Join(r.dir, "kanade-agent-diag-*.zip"))
	require.NoError(r.t, err)
	require.Len(r.t, bundles, 1)
	require.Contains(r.t, r.unpacked(bundles[0])["goroutines.txt"], "goroutine 1 ")
	said, code := r.shell(r.follow("journalctl -u kanade-agent"))
	require.Contains(r.t, []int{0, 1}, code, said) // 1: there is no journal here
	require.NotRegexp(r.t, "option|command not found", said)
}

// asksWithoutAnAgent: what needs none running.
func (r *reader) asksWithoutAnAgent() {
	r.t.Helper()
	r.types("kanade-agent outbox fsck", "--json")
	r.types("kanade-agent outbox fsck --repair", "--json")
	var answer struct{ File string }
	require.NoError(r.t, json.Unmarshal([]byte(r.types("kanade-agent diag --out /tmp/host.zip --json")), &answer))
	require.Contains(r.t, r.unpacked(answer.File)["boxes.json"], "results")
}

// hasAStuckRecord: the broker refuses a result for good, until it is told otherwise.
func (r *reader) hasAStuckRecord() {
	r.t.Helper()
	r.limitResults(2000)
	command, err := json.Marshal(map[string]any{
		"id": "job", "version": "1", "request_id": "req-17", "shell": "sh", "script": "printf %03000d 7", "timeout_secs": 300,
	})
	require.NoError(r.t, err)
	require.NoError(r.t, r.broker.Connect().Publish("commands.all", command))
	require.Eventually(r.t, func() bool {
		said, _ := r.shell("kanade-agent outbox ls --stuck")
		return strings.Contains(said, "req-17")
	}, patience, 50*time.Millisecond, "nothing is stuck")
	require.Regexp(r.t, `(?m)^results +req-17 .* stuck `, r.types("kanade-agent outbox ls", "--json"))
	require.Contains(r.t, r.types("kanade-agent outbox show req-17", "--json", "--raw"), "req-17")
	r.types("kanade-agent outbox export -o all.ndjson", "--json -o more.ndjson", "-o '' --dir copies")
	exported, err := os.ReadFile(filepath.Join(r.dir, "all.ndjson"))
	require.NoError(r.t, err)
	require.Contains(r.t, string(exported), `"req-17"`)

	r.limitResults(-1)
	require.Contains(r.t, r.types("kanade-agent outbox requeue req-17"), "req-17")
	said, code := r.shell("kanade-agent outbox requeue --all")
	require.Zero(r.t, code, said)
}

func (r *reader) limitResults(bytes int32) {
	r.t.Helper()
	js := r.broker.JetStream()
	info, err := r.results.Info(r.t.Context())
	require.NoError(r.t, err)
	config := info.Config
	config.MaxMsgSize = bytes
	_, err = js.UpdateStream(r.t.Context(), config)
	require.NoError(r.t, err)
}
