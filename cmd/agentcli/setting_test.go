package agentcli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/exec"
)

// everySetting gives each plain setting a value, and the level.
const everySetting = `[agent]
id = 'a'
nats_url = 'nats://1'
data_dir = '/1'
proxy = 'http://1'
concurrency = 1
grace = '1s'
[log]
path = '/x/a.log'
level = 'warn'
keep_days = 1
[tls]
ca = '/1'
cert = '/1'
key = '/1'
[update]
releases = 'signed'
keys = '/1'
[klp]
path = 'off'
mode = '0600'
[scripts]
cpu = '1m'
memory = '1KiB'
processes = 1
low_priority = true
cgroup = true
[metrics]
listen = '127.0.0.1:1'
`

// Each plain setting comes from its flag, else its variable, else the file.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", everySetting)
	values := map[string][2]string{ // by key: what the variable and the flag say
		"agent.id": {"2", "3"}, "agent.nats_url": {"nats://2", "nats://3"}, "agent.data_dir": {"/2", "/3"},
		"tls.ca": {"/2", "/3"}, "tls.cert": {"/2", "/3"}, "tls.key": {"/2", "/3"},
		"agent.concurrency": {"2", "3"}, "agent.grace": {"2s", "3s"}, "log.path": {"/2", "/3"}, "agent.proxy": {"http://2", "http://3"},
		"log.keep_days": {"2", "3"}, "log.level": {"debug", "error"},
		"update.releases": {"any", "off"}, "update.keys": {"/2", "/3"}, "klp.path": {agent.DefaultKLPPath, agent.DefaultKLPPath + "3"}, "klp.mode": {"0666", ""},
		"scripts.cpu": {"2m", ""}, "scripts.memory": {"2KiB", ""}, "scripts.processes": {"2", ""}, "scripts.low_priority": {"false", ""}, "scripts.cgroup": {"false", ""},
		"metrics.listen": {"127.0.0.1:2", "[::1]:3"},
	}
	for _, s := range append([]setting{levelSetting}, plainSettings...) {
		t.Run(s.key, func(t *testing.T) {
			t.Parallel()
			v, known := values[s.key]
			require.True(t, known, "a new setting needs its line here")
			read := func(env map[string]string, flags ...string) hostConfig {
				got, err := load(flagged(append([]string{"config", path}, flags...)...), testSurroundings(t, env))
				require.NoError(t, err)
				return got.config
			}
			set := func(to string) hostConfig {
				c := read(nil)
				require.NoError(t, s.set(&c, []string{to}))
				return c
			}
			ofFile, ofEnv := read(nil), set(v[0])
			require.NotEqual(t, ofEnv, ofFile, "the file has a value of its own")
			require.NotEqual(t, s.show(ofEnv), s.show(ofFile))
			require.Equal(t, ofEnv, read(map[string]string{s.env: v[0]}), "variable over file")
			if s.flag != "" {
				require.Equal(t, set(v[1]), read(map[string]string{s.env: v[0]}, s.flag, v[1]), "flag over variable")
			}
			require.Equal(t, ofFile, read(map[string]string{s.env: ""}), "an empty variable is none")
		})
	}
}

func TestTablesOfTheProgram(t *testing.T) {
	t.Parallel()
	got, err := load(flagged("config", writeFile(t, "agent.toml", everySetting)), testSurroundings(t, nil))
	require.NoError(t, err)
	require.Empty(t, got.warnings)
	require.Equal(t, exec.Limits{CPU: time.Minute, Memory: 1024, Processes: 1, LowPriority: true}, got.config.ScriptLimits)
	require.True(t, got.config.ScriptCgroups)
	require.Equal(t, klpConfig{Path: "off", Mode: 0o600}, got.config.KLP)
	require.Equal(t, updateConfig{Releases: "signed", Keys: abs(t, "/1")}, got.config.Update)
	require.Equal(t, "127.0.0.1:1", got.config.Metrics)
}

// Every problem of every table comes at once, at its place.
func TestValuesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"[update]\nreleases = 'some'":            `:8:12: update.releases: "some" is none of signed, any, off`,
		"[update]\nreleases = true":              ":8:12: update.releases must be a string, not of type boolean",
		"[update]\nkeys = ['/a']":                ":8:1: update.keys must be a string, not of type array",
		"[klp]\npath = 'here'":                   ":8:8: klp.path: klp: ",
		"[klp]\nmode = '0999'":                   `:8:8: klp.mode: "0999" is no mode such as '0660'`,
		"[klp]\nmode = '4777'":                   `:8:8: klp.mode: "4777" is no mode`,
		"[klp]\nmode = 0o660":                    ":8:8: klp.mode must be a string, not of type integer",
		"[scripts]\ncpu = '5'":                   `:8:7: scripts.cpu: "5" is not a duration such as 90s or 10m`,
		"[scripts]\ncpu = '-5s'":                 `:8:7: scripts.cpu: "-5s" is not a duration`,
		"[scripts]\nmemory = '5MB'":              `:8:10: scripts.memory: "5MB" is not a number of bytes`,
		"[scripts]\nmemory = '99999999999TiB'":   `:8:10: scripts.memory: "99999999999TiB" is not a number of bytes`,
		"[scripts]\nmemory = -1":                 `:8:10: scripts.memory: "-1" is not a number of bytes`,
		"[scripts]\nmemory = 1.5":                ":8:10: scripts.memory must be a string such as '512MiB', or an integer, not of type float",
		"[scripts]\nprocesses = 'many'":          ":8:13: scripts.processes must be an integer, not of type string",
		"[scripts]\nlow_priority = 1":            ":8:16: scripts.low_priority must be true or false, not of type integer",
		"[metrics]\nlisten = '0.0.0.0:9464'":     `:8:10: metrics.listen: "0.0.0.0:9464": only a loopback address`,
		"[metrics]\nlisten = ':9464'":            `:8:10: metrics.listen: ":9464": only a loopback address`,
		"[metrics]\nlisten = 'example.com:9464'": `:8:10: metrics.listen: "example.com:9464": only a loopback address`,
		"[metrics]\nlisten = '9464'":             `:8:10: metrics.listen: "9464" is no address such as 127.0.0.1:9464`,
		"[metrics]\nlisten = '127.0.0.1:99999'":  `:8:10: metrics.listen: "127.0.0.1:99999": the port must be`,
		"[metrics]\nlisten = '127.0.0.1:http'":   `:8:10: metrics.listen: "127.0.0.1:http": the port must be`,
	} {
		path := writeFile(t, "agent.toml", minimalFile+line+"\n")
		b := newBench(t, nil)
		b.brand.SelfUpdate = true
		out, err := b.do(t, "config", "check", "--config", path)
		require.Equal(t, ExitError, ExitCode(err), line)
		require.Contains(t, out, path+strings.Replace(want, ": ", ": error: ", 1), line)
		require.Contains(t, out, ": 1 error, 0 warnings", line)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "1048576": 1 << 20, "3KiB": 3 << 10, "512 MiB": 512 << 20, "2GiB": 2 << 30, "8388607TiB": 8388607 << 40, "9223372036854775807": 1<<63 - 1} {
		var got int64
		require.NoError(t, byteSize(&got, []string{text}), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "KiB", "1 000", "0x10", "8388608TiB", "9223372036854775808", "1e3", "1kib"} {
		var got int64
		require.Error(t, byteSize(&got, []string{text}), text)
	}
}

// What is too long to be meant is not repeated: it may be a password.
func TestValuesThatAreTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("s3same", 1000)
	for _, args := range [][]string{
		{"--id", long, "--nats-url", "nats://h"},
		{"--id", long[:300], "--nats-url", "nats://h"},
		{"--nats-url", "nats://u:" + long + "@h"},
		{"--nats-url", "nats://h", "--grace", long},
		{"--nats-url", "nats://h", "--grace", long[:4000]},
		{"--nats-url", "nats://h", "--log-level", long},
		{"--nats-url", "nats://h", "--metrics-addr", long[:4000]},
	} {
		b := newBench(t, nil)
		_, err := b.do(t, append([]string{"run"}, args...)...)
		require.Equal(t, ExitError, ExitCode(err), args)
		require.NotContains(t, err.Error(), long[:mostQuoted])
		require.Less(t, len(err.Error()), 400)
		out, err := b.do(t, append([]string{"config", "check"}, args...)...)
		require.Equal(t, ExitError, ExitCode(err), args)
		require.Contains(t, out, ": 1 error, 0 warnings", "it is said once")
	}
	require.Error(t, agent.Config{ID: strings.Repeat("x", 257), StateDir: anyFolder()}.Validate(), "the limit here takes nothing that the agent allows")
}
