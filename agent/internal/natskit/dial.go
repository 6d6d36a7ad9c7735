package natskit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Options say where to connect to, as whom, and through what.
type Options struct {
	Servers     []string
	Name        string
	Inbox       string // prefix of the subjects for replies; empty: that of nats.go, which all clients share
	Credentials Source // nil: none
	TLS         TLSFiles
	// Proxy is the URL of an HTTP proxy for every server, [NoProxy] for none, or
	// empty: for ws:// and wss:// what the environment says.
	Proxy  string
	Logger *slog.Logger

	pings   time.Duration // for tests; 0: pingInterval
	crowded time.Duration // for tests; 0: crowdedMin
	env     proxyFunc     // for tests, because net/http reads the environment once
}

// Source says as whom to connect. It is asked before every attempt, while
// nats.go holds the connection's lock: it must return when ctx ends, at the
// latest, and must not use the connection. If a token and a user come together,
// the user is tried first and the token where the broker refuses the user: so
// do fleets whose brokers move from one to the other.
type Source interface {
	Options(ctx context.Context) ([]nats.Option, error)
}

const (
	// dialTimeout bounds an attempt twice: until there is a TCP connection,
	// through a proxy too, and from there until the broker has said yes.
	dialTimeout = 5 * time.Second
	// Two pings without an answer end a connection: a frozen broker is noticed
	// within 45 s.
	pingInterval = 15 * time.Second
	pingsOut     = 2
	// writeTimeout bounds a write to a broker that does not read. The client
	// holds its lock meanwhile, so that everything else waits too, a stop as well.
	writeTimeout = 2 * time.Second
	// noBuffer makes a publish fail while there is no connection. What must not
	// be lost is on disk; the rest would only arrive late.
	noBuffer = -1
)

// Conn is a connection that dials by itself.
type Conn struct {
	*nats.Conn
	dialer *dialer
}

// Close also breaks off an attempt to connect.
func (c *Conn) Close() {
	c.dialer.close()
	c.Conn.Close()
}

// LastFailure is why the last attempt to connect failed, nil while connected or
// before any failed. Unlike LastError of nats.go it does not wait for an attempt
// that is under way, and knows those that were refused.
func (c *Conn) LastFailure() error { return c.dialer.report.lastFailure() }

// Dial returns at once, with or without a broker, and connects in the
// background for ever. Only options that can never work are an error.
func Dial(o Options) (*Conn, error) {
	d, err := newDialer(o)
	if err != nil {
		return nil, err
	}
	settings := nats.GetDefaultOptions()
	settings.Servers = o.Servers
	for _, opt := range o.nats(d) {
		if err := opt(&settings); err != nil {
			return nil, fmt.Errorf("connection options: %w", err)
		}
	}
	nc, err := settings.Connect()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	d.conn.Store(nc)
	return &Conn{Conn: nc, dialer: d}, nil
}

func (o Options) nats(d *dialer) []nats.Option {
	pings := o.pings
	if pings == 0 {
		pings = pingInterval
	}
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(d.delay),
		nats.ReconnectBufSize(noBuffer),
		nats.SetCustomDialer(d),
		nats.SkipHostLookup(), // the dialer does it, or the proxy
		nats.Timeout(dialTimeout),
		nats.PingInterval(pings),
		nats.MaxPingsOutstanding(pingsOut),
		nats.FlusherTimeout(writeTimeout),
	}
	if o.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.Inbox))
	}
	return append(opts, d.report.handlers(d)...)
}

// parseServers never echoes a URL: it may hold a password.
func parseServers(servers []string) ([]*url.URL, error) {
	var parsed []*url.URL
	for _, server := range servers {
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Host == "" || strings.Contains(server, ",") {
			return nil, errors.New("server URL cannot be parsed; expected one of the form nats://host:port")
		}
		parsed = append(parsed, u)
	}
	return parsed, nil
}
