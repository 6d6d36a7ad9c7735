package agentcli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

const faultyFile = `include = ['log.toml']
[agent]
id = 'a b'
nats_url = 'ftp://h'
grace = '1h'
concurrency = 'x'
groups = ['old']
colour = 1
creds_file = '/no/such/file'
`

func TestConfigCheckSaysEverything(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{"agent.toml": faultyFile, "log.toml": "[log]\npath = 5\nlevel = 'info'\n"})
	path := filepath.Join(dir, "agent.toml")
	b := newBench(t, nil)
	out, err := b.do(t, "config", "check", "--config", path)
	require.Equal(t, ExitError, ExitCode(err))
	require.Empty(t, err.Error(), "it was told")
	var lines []string
	for line := range strings.Lines(out) {
		place, text, _ := strings.Cut(strings.ReplaceAll(line, dir+string(filepath.Separator), ""), ": ")
		severity, _, _ := strings.Cut(text, ":")
		lines = append(lines, place+" "+severity)
	}
	require.Equal(t, []string{
		"agent.toml:3:6 error", "agent.toml:4:12 error", "agent.toml:5:9 error", "agent.toml:6:15 error",
		"agent.toml:7:1 warning", "agent.toml:8:10 warning", "log.toml:2:8 error", "warning agent.creds_file",
	}, lines[:8])
	require.True(t, strings.HasSuffix(out, "agent.toml: 5 errors, 3 warnings\n"), out)

	out, err = b.do(t, "config", "check", "--json", "--config", path)
	require.Equal(t, ExitError, ExitCode(err))
	var answer checkAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.False(t, answer.Valid)
	require.Len(t, answer.Problems, 8)
	require.Equal(t, []string{path, filepath.Join(dir, "log.toml")}, answer.Files)
	require.Equal(t, 3, answer.Problems[0].Line)
	require.Empty(t, b.started)
}

func TestConfigCheckOfAGoodFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	out, err := newBench(t, nil).do(t, "config", "check", "--config", path)
	require.NoError(t, err)
	require.Equal(t, path+": 0 errors, 0 warnings\n", out)
	out, err = newBench(t, nil).do(t, "config", "check", "--config", path, "--id", "*")
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, "--id: ")
}

// What load does not see, and an agent would refuse, is an error too.
func TestConfigCheckIsAsStrictAsAnAgent(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"half a certificate": "[tls]\ncert='/c'\n",
		"two credentials":    "[vars]\n",
		"mixed servers":      "",
	} {
		file := minimalFile + more
		switch name {
		case "two credentials":
			file = strings.Replace(file, "[agent]\n", "[agent]\nnkey_file='/n'\ncreds_file='/c'\n", 1)
		case "mixed servers":
			file = strings.Replace(file, "[agent]\n", "[agent]\nservers=['ws://x']\n", 1)
		}
		path := writeFile(t, "agent.toml", file)
		out, err := newBench(t, nil).do(t, "config", "check", "--config", path)
		require.Equal(t, ExitError, ExitCode(err), name)
		require.Contains(t, out, " 1 error, ", name)
	}
}

func TestConfigCheckWithoutAFile(t *testing.T) {
	t.Parallel()
	out, err := newBench(t, nil).do(t, "config", "check")
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, "no configuration: give --config")
	out, err = newBench(t, nil).do(t, "config", "check", "--nats-url", "nats://h", "--id", "x")
	require.NoError(t, err)
	require.Equal(t, "the configuration: 0 errors, 0 warnings\n", out)
}

func TestConfigShowSaysWhereEachValueComesFrom(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"agent.toml": "include = ['site.toml']\n[agent]\nid = 'x'\nnats_url = 'nats://ada:lovelace@h:1'\nproxy = 'http://p:sesame@proxy:3128'\n[log]\npath = '/x/a.log'\nlevel = 'info'\n",
		"site.toml":  "[agent]\nservers = ['nats://token@two:1']\ngrace = '5s'\n[scripts]\nmemory = '1GiB'\n[agent.more]\n",
	})
	path, site := filepath.Join(dir, "agent.toml"), filepath.Join(dir, "site.toml")
	b := newBench(t, map[string]string{"KANADE_NATS_TOKEN": "verysecret", "KANADE_AGENT_CONCURRENCY": "3", "RUST_LOG": "debug", "KANADE_KLP": agent.DefaultKLPPath + "-mine"})
	b.around.secrets = func() (storedSecrets, error) {
		return storedSecrets{user: "ada", password: "countess"}, nil
	}
	out, err := b.do(t, "config", "show", "--effective", "--json", "--config", path, "--id", "flagged")
	require.NoError(t, err)
	for _, secret := range []string{"lovelace", "sesame", "verysecret", "countess", "token@"} {
		require.NotContains(t, out, secret)
	}
	var answer showAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, []string{path, site}, answer.Files)
	got := map[string]shownOption{}
	for _, s := range answer.Settings {
		got[s.Name] = s
	}
	require.Len(t, got, len(allSettings()))
	for name, want := range map[string][2]string{
		"agent.id":             {"flagged", "flag --id"},
		"agent.nats_url":       {"nats://[redacted]@h:1, nats://[redacted]@two:1", path + ":4, " + site + ":2"},
		"agent.proxy":          {"http://[redacted]@proxy:3128", path + ":5"},
		"agent.grace":          {"5s", site + ":3"},
		"agent.concurrency":    {"3", "variable KANADE_AGENT_CONCURRENCY"},
		"log.level":            {"debug", "variable RUST_LOG"},
		"log.keep_days":        {"14", "default"},
		"agent.user":           {"ada", "registry"},
		"KANADE_NATS_PASSWORD": {"[redacted]", "registry"},
		"KANADE_NATS_TOKEN":    {"[redacted]", "variable KANADE_NATS_TOKEN"},
		"tls.ca":               {"", "default"},
		"klp.path":             {agent.DefaultKLPPath + "-mine", "variable KANADE_KLP"},
		"update.releases":      {"off", "default"},
		"update.keys":          {filepath.Join(b.around.dirs.config, "release-keys"), "default"},
		"scripts.memory":       {"1073741824", site + ":5"},
		"scripts.low_priority": {"false", "default"},
		"metrics.listen":       {"", "default"},
	} {
		require.Equal(t, shownOption{name, want[0], want[1]}, got[name])
	}

	out, err = b.do(t, "config", "show", "--config", path)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^agent\.grace +5s +`, out)
	require.NotContains(t, out, "default")
	require.NotContains(t, out, "lovelace")
}

// What the updater would refuse is told before it is started, at its place.
func TestConfigCheckLooksAtTheUpdater(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	path := writeFile(t, "agent.toml", minimalFile+"[update]\nreleases = 'signed'\nkeys = '"+filepath.ToSlash(keys)+"'\n")
	b := newBench(t, nil)
	out, err := b.do(t, "config", "check", "--config", path)
	require.NoError(t, err, "it does not replace itself:\n%s", out)
	require.Contains(t, out, path+":8:12: warning: update.releases has no effect: kanade-agent does not replace itself")
	require.Contains(t, out, path+":9:8: warning: update.keys has no effect")
	b.brand.SelfUpdate = true
	out, err = b.do(t, "config", "check", "--config", path)
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, path+":9:8: error: update.releases is signed, which needs a public key (*.pub) in ")
	out, err = b.do(t, "config", "check", "--config", path, "--update", "any", "--klp", "a/b")
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, "error: --klp: ")
	require.Contains(t, out, ": 1 error, ")
	out, err = b.do(t, "config", "show", "--config", path, "--update", "any", "--json")
	require.NoError(t, err)
	require.Contains(t, out, `{"name":"update.releases","value":"any","source":"flag --update"}`)
	_, err = b.do(t, "doctor", "--config", path)
	require.Equal(t, ExitFindings, ExitCode(err), "it would not start")
	require.Empty(t, b.examined)
}

func TestConfigShowOfABrokenFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", faultyFile)
	_, err := newBench(t, nil).do(t, "config", "show", "--config", path)
	require.Equal(t, ExitError, ExitCode(err))
	require.ErrorIs(t, err, os.ErrNotExist) // what it includes
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"nats://h:4222": "nats://h:4222", "h:4222": "h:4222", "nats://t@h": "nats://[redacted]@h",
		"nats://u:p@h": "nats://[redacted]@h", "u:p@h:1": "[redacted]@h:1", "nats://u:p%zz@h": "nats://[redacted]@h",
		"nats://u:p@q@h": "nats://[redacted]@h", "none": "none", "": "",
	} {
		require.Equal(t, want, masked(address), address)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, shell := range completionShells() {
		out, err := b.do(t, "completion", shell)
		require.NoError(t, err, shell)
		require.Contains(t, out, "kanade-agent", shell)
		require.Greater(t, strings.Count(out, "\n"), 20, shell)
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		_, err := b.do(t, args...)
		require.Equal(t, ExitUsage, ExitCode(err), args)
	}
	for typed, want := range map[string]string{
		"config ": "check", "com": "completion", "completion z": "zsh", "doctor --ver": "--verbose", "outbox ": "requeue",
	} {
		out, err := b.do(t, append([]string{"__complete"}, strings.Split(typed, " ")...)...)
		require.NoError(t, err)
		require.Contains(t, out, want, typed)
	}
}
