package agentcli

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

const minimalFile = "[agent]\nid = 'file-id'\nnats_url = 'nats://file:4222'\n[log]\npath = '/tmp/kanade/agent.log'\nlevel = 'warn'\n"

func TestFindConfig(t *testing.T) {
	t.Parallel()
	around := testSurroundings(t, map[string]string{configEnv: "/from/env"})
	usual := filepath.Join(around.dirs.config, "agent.toml")

	got, err := findConfig(flagged("config", "/from/flag"), around)
	require.NoError(t, err)
	require.Equal(t, "/from/flag", got, "the flag wins, even without such a file")

	got, err = findConfig(nil, around)
	require.NoError(t, err)
	require.Equal(t, "/from/env", got)

	around.lookupEnv = testScope(map[string]string{configEnv: ""}).lookupEnv
	_, err = findConfig(nil, around)
	require.ErrorIs(t, err, errNoConfig)
	for _, name := range []string{"--config", "KANADE_AGENT_CONFIG", "agent.toml", usual} {
		require.ErrorContains(t, err, name)
	}

	require.NoError(t, os.MkdirAll(around.dirs.config, 0o700))
	require.NoError(t, os.WriteFile(usual, nil, 0o600))
	got, err = findConfig(nil, around)
	require.NoError(t, err)
	require.Equal(t, usual, got)
}

// The sample of the wire contract, on a host without and with its variable.
func TestContractSample(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", `[vars]
site  = "lab"
pc_id = '{{ env(name="ACME_PC_ID", default=system.host) }}'

[agent]
id = '{{ vars.pc_id }}'
nats_url = 'nats://broker.example:4222'

[log]
path = '{% if is_windows() %}C:/ProgramData/Kanade/logs/agent.log{% else %}/var/log/kanade/agent.log{% endif %}'
level = 'info'
`)
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "pc-7"},
		{map[string]string{"ACME_PC_ID": "till-3"}, "till-3"},
	} {
		got, err := load(flagged("config", path), testSurroundings(t, tc.env))
		require.NoError(t, err)
		require.Equal(t, tc.want, got.config.ID)
		require.Equal(t, []string{"nats://broker.example:4222"}, got.config.Servers)
		require.Equal(t, filepath.FromSlash("/var/log/kanade/agent.log"), got.config.LogFile[len(filepath.VolumeName(got.config.LogFile)):])
		require.Equal(t, slog.LevelInfo, got.config.LogLevel)
		require.Equal(t, 14, got.config.LogKeepDays)
		require.Empty(t, got.warnings)
		require.NoError(t, got.config.Validate())
	}
}

func TestLoadEverythingFromFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", `
[agent]
id = 'a'
nats_url = 'nats://one:4222'
servers = ['nats://two:4222']
groups = ['old']
data_dir = '/srv/kanade'
nkey_file = '/etc/kanade/seed'
proxy = 'http://proxy:3128'
concurrency = 3
grace = '5s'
colour = 'blue'
[log]
path = '/srv/log/a.log'
level = 'warn,kanade_agent=debug'
keep_days = 0
[tls]
ca = '/t/ca'
cert = '/t/cert'
key = '/t/key'
[inventory]
anything = 1
`)
	got, err := load(flagged("config", path), testSurroundings(t, nil))
	require.NoError(t, err)
	want := agent.DefaultConfig()
	want.ID, want.StateDir = "a", abs(t, "/srv/kanade")
	want.Servers = []string{"nats://one:4222", "nats://two:4222"}
	want.NKeyFile, want.Proxy = abs(t, "/etc/kanade/seed"), "http://proxy:3128"
	want.TLS = agent.TLSConfig{CAFile: abs(t, "/t/ca"), CertFile: abs(t, "/t/cert"), KeyFile: abs(t, "/t/key")}
	want.LogFile, want.LogLevel, want.LogKeepDays = abs(t, "/srv/log/a.log"), slog.LevelDebug, 0
	want.Concurrency, want.Grace = 3, 5*time.Second
	require.Equal(t, want, got.config.Config)
	require.Equal(t, path+":6:1: agent.groups is deprecated and has no effect; groups come from the broker; "+
		path+":12:10: unknown key agent.colour is ignored", got.warnings.Error())
}

func TestWithoutFile(t *testing.T) {
	t.Parallel()
	around := testSurroundings(t, nil)
	got, err := load(flagged("nats-url", "nats://a:4222", "nats-url", "nats://b:4222"), around)
	require.NoError(t, err)
	require.Empty(t, got.path)
	require.Equal(t, []string{"nats://a:4222", "nats://b:4222"}, got.config.Servers)
	require.Equal(t, around.dirs.data, got.config.StateDir)
	require.Equal(t, agent.DefaultConfig().ID, got.config.ID)
	require.Empty(t, got.config.LogFile)
	require.Equal(t, slog.LevelInfo, got.config.LogLevel)

	_, err = load(nil, testSurroundings(t, map[string]string{"KANADE_NATS_URL": "nats://a:4222"}))
	require.NoError(t, err)
	_, err = load(flagged("id", "a"), testSurroundings(t, nil))
	require.ErrorIs(t, err, errNoConfig)
	require.ErrorContains(t, err, "--nats-url")
}

func TestRelativeDataDirBecomesAbsolute(t *testing.T) {
	t.Parallel()
	got, err := load(flagged("nats-url", "nats://a"), testSurroundings(t, map[string]string{"KANADE_AGENT_DATA_DIR": filepath.Join("x", "y")}))
	require.NoError(t, err)
	require.Equal(t, abs(t, filepath.Join("x", "y")), got.config.StateDir)
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	const head, log = "[agent]\nid='a'\nnats_url='nats://h'\n", "[log]\npath='/x/a.log'\nlevel='info'\n"
	for name, tc := range map[string]struct{ src, want string }{
		"empty":             {"", ": table [agent] is missing"},
		"no agent":          {log, ": table [agent] is missing"},
		"no log":            {head, ": table [log] is missing"},
		"no id":             {"[agent]\nnats_url='nats://h'\n" + log, ":1:2: agent.id is missing"},
		"no url":            {"[agent]\nid='a'\n" + log, ":1:2: agent.nats_url is missing"},
		"no path":           {head + "[log]\nlevel='info'\n", ":4:2: log.path is missing"},
		"no level":          {head + "[log]\npath='/x'\n", ":4:2: log.level is missing"},
		"broken":            {"[agent\nid='a'", ":1:7: expected ']' to close table name"},
		"broken string":     {"[agent]\nid = 'x\n", ":2:8: literal strings cannot have new lines"},
		"twice":             {"[agent]\nid='a'\nid='b'\n", ":3:1: key id is already defined"},
		"id number":         {"[agent]\nid = 5\n", ":2:6: agent.id must be a string, not of type integer"},
		"id table":          {"[agent.id]\nx=1\n", ":1:8: agent.id must be a string, not of type table"},
		"groups string":     {"[agent]\ngroups = 'x'\n", ":2:10: agent.groups must be a list of strings, not of type string"},
		"groups numbers":    {"[agent]\ngroups = [1]\n", ":2:11: agent.groups must be a list of strings, not of type integer"},
		"keep_days text":    {"[log]\nkeep_days = '4'\n", ":2:13: log.keep_days must be an integer, not of type string"},
		"keep_days float":   {"[log]\nkeep_days = 4.5\n", ":2:13: log.keep_days must be an integer, not of type float"},
		"keep_days less":    {head + log + "keep_days = -1\n", `:7:13: log.keep_days: "-1" is not a whole number`},
		"concurrency":       {head + "concurrency = 9999999999\n" + log, `:4:15: agent.concurrency: "9999999999" is not a whole number`},
		"grace number":      {"[agent]\ngrace = 5\n", "agent.grace must be a string, not of type integer"},
		"grace":             {head + "grace = '5x'\n" + log, `:4:9: agent.grace: "5x" is not a duration from 0s to 10s`},
		"grace too long":    {head + "grace = '11s'\n" + log, `:4:9: agent.grace: "11s" is not a duration from 0s to 10s`},
		"agent is no table": {"agent = 5\n", ":1:9: agent must be a table, not of type integer"},
		"agent is a list":   {"[[agent]]\nid='a'\n", ":1:3: agent must be a table"},
		"tls text":          {"[tls]\nca = 1\n", ":2:6: tls.ca must be a string"},
		"template":          {"\n{% for x in y %}\n", `:2:4: the template tag "for" is not supported`},
		"not UTF-8":         {"[agent]\nid='\xff'\n", ":2:5: not UTF-8 text"},
		"UTF-16":            {"\xff\xfe[\x00a\x00", ":1:1: not UTF-8 text"},
		"half a pair":       {head + "user='u'\n" + log, "one is set without the other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, "agent.toml", tc.src)
			_, err := load(flagged("config", path), testSurroundings(t, nil))
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n")
			if tc.want[0] == ':' {
				require.ErrorContains(t, err, path+tc.want, "the file comes first")
			}
		})
	}
}

func TestMissingKeyMayComeFromElsewhere(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", "[agent]\nid='a'\n[log]\npath='/x/a.log'\nlevel='info'\n")
	got, err := load(flagged("config", path), testSurroundings(t, map[string]string{"KANADE_NATS_URL": "nats://env"}))
	require.NoError(t, err)
	require.Equal(t, []string{"nats://env"}, got.config.Servers)
}

func TestBadValuesNameTheirPlace(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile)
	_, err := load(flagged("config", path, "grace", "soon"), testSurroundings(t, nil))
	require.ErrorContains(t, err, "--grace: ")
	_, err = load(flagged("config", path, "log-level", "loud"), testSurroundings(t, nil))
	require.ErrorContains(t, err, "--log-level: ")
	_, err = load(flagged("config", path), testSurroundings(t, map[string]string{"KANADE_AGENT_CONCURRENCY": "-1"}))
	require.ErrorContains(t, err, "KANADE_AGENT_CONCURRENCY: ")
	_, err = load(flagged("config", filepath.Join(t.TempDir(), "none.toml")), testSurroundings(t, nil))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = load(flagged("config", writeFile(t, "big.toml", string(make([]byte, maxConfigBytes+1)))), testSurroundings(t, nil))
	require.ErrorContains(t, err, "larger than")
}

func TestByteOrderMarkAndCRLF(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", "\ufeff[agent]\r\nid = 'a'\r\nnats_url = 'nats://h'\r\n[log]\r\npath='/x/a.log'\r\nlevel='info'\r\n")
	got, err := load(flagged("config", path), testSurroundings(t, nil))
	require.NoError(t, err)
	require.Equal(t, "a", got.config.ID)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	token := func(s string) agent.Login { return agent.Login{Token: agent.Secret(s)} }
	pair := func(u, p string) agent.Login { return agent.Login{User: u, Password: agent.Secret(p)} }
	// Files are not read here: the agent does, again and again.
	const fileToken, filePair, flagSecret = "token_file = '/s'\n", "user = 'fu'\npassword_file = '/s'\n", "/no/such/file"
	for name, tc := range map[string]struct {
		file   string
		env    map[string]string
		stored storedSecrets
		flags  []string
		want   agent.Login
		err    string
	}{
		"none":                    {},
		"token of the file":       {file: fileToken, want: agent.Login{TokenFile: abs(t, "/s")}},
		"pair of the file":        {file: filePair, want: agent.Login{User: "fu", PasswordFile: abs(t, "/s")}},
		"nkey of the file":        {file: "nkey_file='/k'\n", want: agent.Login{NKeyFile: abs(t, "/k")}},
		"creds of the file":       {file: "creds_file='/k'\n", want: agent.Login{CredsFile: abs(t, "/k")}},
		"env over file":           {file: filePair, env: map[string]string{"KANADE_NATS_TOKEN": "t"}, want: token("t")},
		"pair of env":             {file: fileToken, env: map[string]string{"KANADE_NATS_USER": "u", "KANADE_NATS_PASSWORD": "p"}, want: pair("u", "p")},
		"nkey of env":             {file: fileToken, env: map[string]string{"KANADE_NATS_NKEY_FILE": "/k"}, want: agent.Login{NKeyFile: abs(t, "/k")}},
		"creds of env":            {file: fileToken, env: map[string]string{"KANADE_NATS_CREDS_FILE": "/k"}, want: agent.Login{CredsFile: abs(t, "/k")}},
		"empty env is none":       {file: fileToken, env: map[string]string{"KANADE_NATS_TOKEN": "", "KANADE_NATS_USER": ""}, want: agent.Login{TokenFile: abs(t, "/s")}},
		"flag over env":           {env: map[string]string{"KANADE_NATS_TOKEN": "t"}, flags: []string{"token-file", flagSecret}, want: agent.Login{TokenFile: abs(t, flagSecret)}},
		"flag pair over registry": {stored: storedSecrets{token: "r"}, flags: []string{"user", "u", "password-file", flagSecret}, want: agent.Login{User: "u", PasswordFile: abs(t, flagSecret)}},
		"registry over env":       {env: map[string]string{"KANADE_NATS_TOKEN": "t"}, stored: storedSecrets{token: "r"}, want: token("r")},
		"registry pair":           {env: map[string]string{"KANADE_NATS_USER": "u", "KANADE_NATS_PASSWORD": "p"}, stored: storedSecrets{user: "ru", password: "rp"}, want: pair("ru", "rp")},
		"pair and token":          {env: map[string]string{"KANADE_NATS_USER": "u", "KANADE_NATS_PASSWORD": "p"}, stored: storedSecrets{token: "r"}, want: agent.Login{User: "u", Password: "p", Token: "r"}},
		"half in env":             {file: filePair, env: map[string]string{"KANADE_NATS_USER": "u"}, err: "one is set without the other"},
		"half in env, token too":  {env: map[string]string{"KANADE_NATS_PASSWORD": "p", "KANADE_NATS_TOKEN": "t"}, err: "one is set without the other"},
		"half in the registry":    {env: map[string]string{"KANADE_NATS_USER": "u", "KANADE_NATS_PASSWORD": "p"}, stored: storedSecrets{user: "ru"}, err: "one is set without the other"},
		"half by flags":           {env: map[string]string{"KANADE_NATS_PASSWORD": "p"}, flags: []string{"user", "u"}, err: "one is set without the other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, "agent.toml", "[agent]\nid='a'\nnats_url='nats://h'\n"+tc.file+"[log]\npath='/x/a.log'\nlevel='info'\n")
			around := testSurroundings(t, tc.env)
			around.secrets = func() (storedSecrets, error) { return tc.stored, nil }
			got, err := load(flagged(append([]string{"config", path}, tc.flags...)...), around)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, loginOf(got.config.Config))
			require.Empty(t, got.warnings)
			require.NoError(t, got.config.Validate())
		})
	}
}

func TestRegistryThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	around := testSurroundings(t, map[string]string{"KANADE_NATS_TOKEN": "t"})
	around.secrets = func() (storedSecrets, error) { return storedSecrets{}, errors.New("access is denied") }
	got, err := load(flagged("nats-url", "nats://h"), around)
	require.NoError(t, err)
	require.Equal(t, agent.Secret("t"), got.config.Token)
	require.Len(t, got.warnings, 1)
	require.Contains(t, got.warnings[0].Text, "access is denied")
}
