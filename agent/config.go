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

	"github.com/kanade-go/kanade/agent/wire"
)

// Config is what an operator or embedder fixes before the agent starts; it
// never changes while it runs. Start from [DefaultConfig].
type Config struct {
	// ID names this host on the wire (pc_id). One to four labels separated by
	// dots; no blanks, wildcards or control characters. Default: the host name.
	ID string
	// StateDir holds everything durable: ledger, outboxes, lock. It is created
	// with mode 0700. One agent owns it at a time. Required.
	StateDir string
	// Servers are the broker's URLs: nats://, tls://, ws://, wss:// or
	// host:port. Required unless the connection is brought along.
	Servers []string

	// At most one kind of credentials: a token, a user with its password, a
	// file with an NKey seed, or a .creds file.
	Token    Secret
	User     string
	Password Secret
	NKeyFile string
	// CredsFile is a file with a user JWT and its seed, as nsc writes it.
	CredsFile string
	TLS       TLSConfig

	// LogFile is the template dir/stem.ext of the daily log files
	// (dir/stem.2026-01-31.ext). Empty: no file. The library itself logs to
	// the logger it was given; whoever makes that logger honours this.
	LogFile string
	// LogLevel is the least level logged. Default: info.
	LogLevel slog.Level
	// LogKeepDays is how many daily files are kept. Default: 14; 0: no file.
	LogKeepDays int

	// Concurrency is how many scripts run at once. 0: the number of CPUs.
	Concurrency int
	// Grace is how long running scripts may take to end by themselves at a
	// stop. Default: 10 s.
	Grace time.Duration
	// Version is the version that this agent reports.
	Version string
}

// TLSConfig names the files for a TLS connection. All are optional; the
// system's certificate authorities are used where CAFile is empty.
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
	return errors.Join(c.validateLocal(), c.validateServers(), c.validateCredentials())
}

func (c Config) validateLocal() error {
	var errs []error
	if err := wire.ValidatePCID(c.ID); err != nil {
		errs = append(errs, configError("id %q: %w", c.ID, err))
	}
	switch {
	case c.StateDir == "":
		errs = append(errs, configError("state folder is not set"))
	case !filepath.IsAbs(c.StateDir):
		errs = append(errs, configError("state folder %q: must be an absolute path", c.StateDir))
	}
	if c.Grace < 0 {
		errs = append(errs, configError("grace %v: must not be negative", c.Grace))
	}
	if c.Concurrency < 0 {
		errs = append(errs, configError("concurrency %d: must not be negative", c.Concurrency))
	}
	return errors.Join(errs...)
}

func (c Config) validateServers() error {
	var errs []error
	for _, server := range c.Servers {
		if err := validateServer(server); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// validateServer never echoes the URL whole: it may hold a password.
func validateServer(server string) error {
	if strings.ContainsAny(server, ", \t\r\n") {
		return configError("server URL: one address each, without commas or blanks")
	}
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return configError("server URL cannot be parsed; expected nats://host:port")
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
	default:
		return configError("server URL %s: unknown scheme %q; use nats, tls, ws or wss", u.Redacted(), u.Scheme)
	}
	if u.Hostname() == "" {
		return configError("server URL %s: no host", u.Redacted())
	}
	return nil
}

func (c Config) validateCredentials() error {
	var errs []error
	kinds := 0
	for _, given := range []bool{c.Token != "", c.User != "" || c.Password != "", c.NKeyFile != "", c.CredsFile != ""} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		errs = append(errs, configError("more than one kind of credentials; give a token, or user and password, or an nkey file, or a creds file"))
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, configError("user and password: one is set without the other"))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, configError("tls certificate and key: one is set without the other"))
	}
	return errors.Join(errs...)
}

func configError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
}
