package agentcli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent"
)

// setting is one thing that can be configured, with its name in each place.
// An empty name means that it cannot be given there.
type setting struct {
	flag string // --flag
	env  string
	key  string // table.key in the file
	help string
	more string // a second key, whose list adds to the first one's
	set  func(*agent.Config, []string) error
	show func(agent.Config) string
	// unfit refuses what must not be on a command line, which every user of the
	// host can read.
	unfit func(string) error
}

// name is how a setting is shown: by its key, or the variable where it has none.
func (s setting) name() string {
	if s.key == "" {
		return s.env
	}
	return s.key
}

// keys are the setting's keys in the file.
func (s setting) keys() []string {
	var keys []string
	for _, key := range []string{s.key, s.more} {
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// maxGrace leaves the rest of [stopBudget] to delivery.
const maxGrace = 10 * time.Second

// plainSettings are taken one by one: flag, then environment, then file.
var plainSettings = []setting{
	{
		flag: "id", env: "KANADE_AGENT_ID", key: "agent.id",
		help: "`name` of this host on the wire (pc_id); without a file: the host name",
		show: func(c agent.Config) string { return c.ID },
		set:  func(c *agent.Config, v []string) error { c.ID = last(v); return nil },
	},
	{
		flag: natsURLFlag, env: natsURLEnv, key: "agent.nats_url",
		more: "agent.servers",
		help: "broker `address`, such as nats://host:4222; repeat it for more servers of one cluster (in the file: [agent] servers)",
		show: func(c agent.Config) string { return strings.Join(maskedAll(c.Servers), ", ") },
		set:  func(c *agent.Config, v []string) error { c.Servers = v; return nil },
	},
	{
		flag: "data-dir", env: "KANADE_AGENT_DATA_DIR", key: "agent.data_dir",
		help: "`folder` for everything that must survive a restart",
		show: func(c agent.Config) string { return c.StateDir },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.StateDir, v) },
	},
	{
		flag: "tls-ca", env: "KANADE_NATS_TLS_CA", key: "tls.ca",
		help: "`file` with the certificate authorities that the broker is checked against",
		show: func(c agent.Config) string { return c.TLS.CAFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.TLS.CAFile, v) },
	},
	{
		flag: "tls-cert", env: "KANADE_NATS_TLS_CERT", key: "tls.cert",
		help: "`file` with this host's certificate",
		show: func(c agent.Config) string { return c.TLS.CertFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.TLS.CertFile, v) },
	},
	{
		flag: "tls-key", env: "KANADE_NATS_TLS_KEY", key: "tls.key",
		help: "`file` with the key of that certificate",
		show: func(c agent.Config) string { return c.TLS.KeyFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.TLS.KeyFile, v) },
	},
	{
		flag: "proxy", env: "KANADE_NATS_PROXY", key: "agent.proxy",
		help:  "`URL` of an HTTP proxy for the broker, or none; else wss:// and ws:// follow HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
		show:  func(c agent.Config) string { return masked(string(c.Proxy)) },
		set:   func(c *agent.Config, v []string) error { c.Proxy = agent.Secret(last(v)); return nil },
		unfit: withPassword,
	},
	{
		flag: "concurrency", env: "KANADE_AGENT_CONCURRENCY", key: "agent.concurrency",
		help: "`number` of scripts that run at once; 0: as many as there are CPUs",
		show: func(c agent.Config) string { return strconv.Itoa(c.Concurrency) },
		set:  func(c *agent.Config, v []string) error { return natural(&c.Concurrency, v) },
	},
	{
		flag: "grace", env: "KANADE_AGENT_GRACE", key: "agent.grace",
		help: "`duration` that running scripts get to end at a stop, such as 10s; at most 10s",
		show: func(c agent.Config) string { return c.Grace.String() },
		set:  func(c *agent.Config, v []string) error { return grace(&c.Grace, v) },
	},
	{
		flag: "log-file", env: "KANADE_LOG_FILE", key: "log.path",
		help: "`path` of the log; dir/stem.ext writes dir/stem.2026-01-31.ext, one file a day (UTC)",
		show: func(c agent.Config) string { return c.LogFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.LogFile, v) },
	},
	{
		flag: "log-keep-days", env: "KANADE_LOG_KEEP_DAYS", key: "log.keep_days",
		help: "`number` of daily log files to keep; 0: write none",
		show: func(c agent.Config) string { return strconv.Itoa(c.LogKeepDays) },
		set:  func(c *agent.Config, v []string) error { return natural(&c.LogKeepDays, v) },
	},
}

const (
	natsURLFlag = "nats-url"
	natsURLEnv  = "KANADE_NATS_URL"
)

// levelSetting stands apart: RUST_LOG comes between the environment and the
// file, and both of these may hold parts that mean nothing here.
var levelSetting = setting{
	flag: "log-level", env: "KANADE_LOG_LEVEL", key: "log.level",
	help: "`level`: trace, debug, info, warn, error, off; or a filter such as warn,kanade_agent=debug (also RUST_LOG)",
	show: func(c agent.Config) string { return levelName(c.LogLevel) },
	set: func(c *agent.Config, v []string) (err error) {
		c.LogLevel, err = strictLevel(last(v))
		return err
	},
}

// credentialSettings are judged together, place by place: the first place that
// holds any is the one that counts.
var credentialSettings = []setting{
	{
		flag: "token-file", key: "agent.token_file",
		help: "`file` with the broker's token (the token itself: env KANADE_NATS_TOKEN)",
		show: func(c agent.Config) string { return c.TokenFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.TokenFile, v) },
	},
	{
		env:  "KANADE_NATS_TOKEN",
		show: func(c agent.Config) string { return secret(string(c.Token)) },
		set:  func(c *agent.Config, v []string) error { c.Token = agent.Secret(last(v)); return nil },
	},
	{
		flag: "user", env: "KANADE_NATS_USER", key: "agent.user",
		help: "`name` of the broker's user; needs its password",
		show: func(c agent.Config) string { return c.User },
		set:  func(c *agent.Config, v []string) error { c.User = last(v); return nil },
	},
	{
		flag: "password-file", key: "agent.password_file",
		help: "`file` with that user's password (the password itself: env KANADE_NATS_PASSWORD)",
		show: func(c agent.Config) string { return c.PasswordFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.PasswordFile, v) },
	},
	{
		env:  "KANADE_NATS_PASSWORD",
		show: func(c agent.Config) string { return secret(string(c.Password)) },
		set:  func(c *agent.Config, v []string) error { c.Password = agent.Secret(last(v)); return nil },
	},
	{
		flag: "nkey-file", env: "KANADE_NATS_NKEY_FILE", key: "agent.nkey_file",
		help: "`file` with an NKey seed",
		show: func(c agent.Config) string { return c.NKeyFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.NKeyFile, v) },
	},
	{
		flag: "creds-file", env: "KANADE_NATS_CREDS_FILE", key: "agent.creds_file",
		help: "`file` with a user JWT and its seed, as nsc writes it",
		show: func(c agent.Config) string { return c.CredsFile },
		set:  func(c *agent.Config, v []string) error { return absolute(&c.CredsFile, v) },
	},
}

func last(values []string) string { return values[len(values)-1] }

// allSettings lists them as they are shown.
func allSettings() []setting {
	return slices.Concat(plainSettings, []setting{levelSetting}, credentialSettings)
}

// absolute fixes a path to the folder the process started in; an empty one
// stays empty.
func absolute(into *string, values []string) (err error) {
	path := last(values)
	if path != "" {
		path, err = filepath.Abs(path)
	}
	*into = path
	return err
}

func natural(into *int, values []string) error {
	n, err := strconv.ParseUint(last(values), 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 up", last(values))
	}
	*into = int(n)
	return nil
}

func grace(into *time.Duration, values []string) error {
	d, err := time.ParseDuration(last(values))
	if err != nil || d < 0 || d > maxGrace {
		return fmt.Errorf("%q is not a duration from 0s to %v", last(values), maxGrace)
	}
	*into = d
	return nil
}
