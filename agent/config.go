package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// Config is what an operator or embedder fixes before the agent starts; it
// never changes while it runs. Start from [DefaultConfig].
type Config struct {
	// ID names this host on the wire (pc_id). One to four labels separated by
	// dots; no blanks, wildcards or control characters. Default: the host name.
	ID string
	// StateDir holds everything durable: ledger, outboxes, lock. It is created
	// with mode 0700, and closed to everybody else if it is there. One that holds
	// what is not an agent's is refused, see [Config.ForeignEntries]. One agent owns it
	// at a time. Required.
	StateDir string
	// Servers are the broker's URLs: nats://, tls://, ws://, wss:// or
	// host:port; ws:// and wss:// not beside others. A user or token in a URL goes
	// before all other credentials. Required unless the connection is brought along.
	Servers []string

	// At most one kind of credentials, as [Login] describes them; or none, and
	// [WithCredentials]. Files are read before every attempt to connect.
	Token        Secret
	TokenFile    string
	User         string
	Password     Secret
	PasswordFile string
	NKeyFile     string
	CredsFile    string
	TLS          TLSConfig
	// Proxy is the URL of an HTTP proxy, http:// or https:// and with user and
	// password if it asks for them, through which every server is reached by
	// CONNECT. "none": no proxy. Empty: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY
	// in the environment say, for wss:// and ws:// only.
	Proxy Secret

	// LogFile is the template dir/stem.ext of the daily log files
	// (dir/stem.2026-01-31.ext). Empty: no file. The library itself logs to
	// the logger it was given; whoever makes that logger honours this.
	LogFile string
	// LogLevel is the least level logged. Default: info.
	LogLevel slog.Level
	// LogKeepDays is how many daily files are kept. Default: 14; 0: no file.
	LogKeepDays int

	// Concurrency is how many scripts run at once where the fleet's settings do not
	// say (max_local_concurrent). 0: the number of CPUs.
	Concurrency int
	// ScriptLimits bound what each script may use, with all processes that it starts;
	// one that goes beyond ends with exit code -1 and a note. Default: no limits.
	ScriptLimits exec.Limits
	// ScriptCgroups has each script live in a cgroup of its own, which it cannot
	// leave: a kill and the limits then reach those processes too that detached
	// themselves. Where the host does not let the agent (Linux 5.14, cgroup version 2,
	// for a systemd service Delegate=yes) that is logged, and scripts run without.
	ScriptCgroups bool
	// Grace is how long running scripts may take to end by themselves at a
	// stop. Default: 10 s.
	Grace time.Duration
	// Version is the version that this agent reports.
	Version string
}

// TLSConfig names the files for a TLS connection. All are optional; the
// system's certificate authorities are used where CAFile is empty. They are read
// before every attempt to connect; where one is set, a broker without TLS is
// refused.
type TLSConfig struct {
	CAFile   string
	CertFile string
	KeyFile  string
}

// Secret is a string that does not print: not with fmt, not in a log, not as
// JSON or text. Convert it to string where it is used.
type Secret string

const redacted = "[redacted]"

// String returns a placeholder.
func (Secret) String() string { return redacted }

// GoString returns a placeholder.
func (Secret) GoString() string { return redacted }

// LogValue returns a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; it covers JSON too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// DefaultConfig returns the defaults named at each field. Servers and StateDir
// stay empty.
func DefaultConfig() Config {
	host, _ := os.Hostname()
	return Config{
		ID:          host,
		LogKeepDays: 14,
		Grace:       10 * time.Second,
		Version:     "0.0.0",
	}
}

// Validate reports every problem at once, joined; each wraps [ErrConfig].
func (c Config) Validate() error {
	return errors.Join(c.validateLocal(), c.validateServers(), c.login().validate(), c.validateWay())
}

func (c Config) validateLocal() error {
	var errs []error
	if err := wire.ValidatePCID(c.ID); err != nil {
		errs = append(errs, configError("id %s: %w", quoted(c.ID), err))
	}
	switch {
	case c.StateDir == "":
		errs = append(errs, configError("state folder is not set"))
	case !filepath.IsAbs(c.StateDir):
		errs = append(errs, configError("state folder %s: must be an absolute path", quoted(c.StateDir)))
	}
	if c.Grace < 0 {
		errs = append(errs, configError("grace %v: must not be negative", c.Grace))
	}
	if c.Concurrency < 0 {
		errs = append(errs, configError("concurrency %d: must not be negative", c.Concurrency))
	}
	if err := c.ScriptLimits.Validate(); err != nil {
		errs = append(errs, configError("script limits: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) validateServers() error {
	var errs []error
	webs := 0
	for _, server := range c.Servers {
		web, err := validateServer(server)
		if err != nil {
			errs = append(errs, err)
		}
		if web {
			webs++
		}
	}
	if webs > 0 && webs < len(c.Servers) {
		errs = append(errs, configError("servers: ws:// and wss:// cannot be mixed with others"))
	}
	return errors.Join(errs...)
}

// validateServer never echoes the URL whole: it may hold a password or a token.
func validateServer(server string) (web bool, err error) {
	unfit := func(r rune) bool { return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) }
	if strings.ContainsFunc(server, unfit) {
		return false, configError("server URL: one address each, without commas, blanks or control characters")
	}
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return false, configError("server URL cannot be parsed; expected nats://host:port")
	}
	web = u.Scheme == "ws" || u.Scheme == "wss"
	switch {
	case !web && u.Scheme != "nats" && u.Scheme != "tls":
		return false, configError("server URL %s: unknown scheme %s; use nats, tls, ws or wss", shortened(natskit.ServerName(server)), quoted(u.Scheme))
	case u.Hostname() == "":
		return web, configError("server URL with the scheme %s: no host", u.Scheme)
	}
	return web, nil
}

func (c Config) validateWay() error {
	var errs []error
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, configError("tls certificate and key: one is set without the other"))
	}
	if proxy := string(c.Proxy); proxy != "" && proxy != natskit.NoProxy {
		if _, err := natskit.ParseProxy(proxy); err != nil {
			errs = append(errs, configError("%w", err))
		}
	}
	return errors.Join(errs...)
}

func configError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
}
