package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/natskit"
)

const (
	// answerWait bounds the wait for one answer of the broker.
	answerWait = 2 * time.Second
	// secondThoughts is how long a failure is waited out: a user may be refused
	// before the token is tried, and a name may have several addresses.
	secondThoughts = 3 * time.Second
	lookEvery      = 10 * time.Millisecond
)

// broker connects to each server as the agent would, and asks the first that
// says yes.
func (d *doctor) broker(ctx context.Context) {
	if d.Conn != nil {
		d.connected(ctx, d.Conn)
		return
	}
	var first *natskit.Conn
	for _, server := range d.Broker.Servers {
		nc := d.dial(ctx, server)
		switch {
		case nc == nil:
		case first == nil:
			first = nc
			defer nc.Close()
		default:
			nc.Close()
		}
	}
	if first != nil && !d.over && ctx.Err() == nil {
		d.connected(ctx, first.Conn)
	}
}

// dial returns nil after it has said why.
func (d *doctor) dial(ctx context.Context, server string) *natskit.Conn {
	name := natskit.ServerName(withScheme(server))
	heard := &secretFiles{}
	o := d.Broker
	o.Servers, o.Logger = []string{server}, slog.New(heard)
	nc, err := natskit.Dial(o)
	if err == nil {
		err = await(ctx, nc, d.ConnectWait)
	}
	d.exposed(heard)
	if err == nil {
		return nc
	}
	if nc != nil {
		nc.Close()
	}
	if ctx.Err() == nil {
		d.unreachable(name, err)
	}
	return nil
}

func withScheme(server string) string {
	if strings.Contains(server, "://") {
		return server
	}
	return "nats://" + server
}

var errNoAnswer = errors.New("no answer in time")

// await returns why there is no connection, nil if there is one.
func await(ctx context.Context, nc *natskit.Conn, wait time.Duration) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	end := time.Now().Add(wait)
	var failed time.Time
	for !nc.IsConnected() {
		switch last := nc.LastFailure(); {
		case last != nil && failed.IsZero():
			failed = time.Now()
		case last != nil && time.Since(failed) > min(secondThoughts, wait):
			return last
		}
		if time.Now().After(end) {
			return errors.Join(errNoAnswer, nc.LastFailure())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// unreachable tells credentials from a network.
func (d *doctor) unreachable(name string, err error) {
	text := name + ": " + strings.ReplaceAll(err.Error(), "\n", ": ")
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired), strings.Contains(err.Error(), "uthorization"):
		d.ok("broker", name+" is reachable")
		d.fail("credentials", name+" refuses them: "+err.Error(), "check the token, user, key or file that config show names, and the broker's users")
	case strings.Contains(err.Error(), "credentials:"):
		d.fail("credentials", text, "make the file readable for the agent's user; it is read before each attempt to connect")
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		d.fail("broker", text, "check [tls] ca, cert and key, the broker's certificate, and the clocks of both")
	default:
		d.fail("broker", text, "check the address, the name, firewalls and proxies between here and there, and whether the broker runs")
	}
}

func (d *doctor) exposed(heard *secretFiles) {
	for _, file := range heard.taken() {
		d.warn("credentials", "a file with a secret is open to others: "+file, "let only the agent's user read it")
	}
}

// connected asks a broker that has said yes.
func (d *doctor) connected(ctx context.Context, nc *nats.Conn) {
	p := newProber(nc)
	trip, err := nc.RTT()
	if err != nil {
		d.fail("broker", "the connection was lost again: "+err.Error(), "look into the broker's log")
		return
	}
	d.ok("broker", fmt.Sprintf("connected to %s (%s, version %s), %v away%s", natskit.ServerName(nc.ConnectedUrl()),
		nc.ConnectedServerName(), nc.ConnectedServerVersion(), trip.Round(10*time.Microsecond), encrypted(nc)))
	p.noInbox = p.subscribe(ctx, p.inboxPrefix()+".>").denied
	user := p.userInfo(ctx)
	d.identity(user)
	verdicts := d.permissions(ctx, p, user)
	d.clock(user, p)
	d.resources(ctx, p, user, verdicts)
}

func encrypted(nc *nats.Conn) string {
	if _, err := nc.TLSConnectionState(); err == nil {
		return ", encrypted"
	}
	return ", not encrypted"
}

func (d *doctor) identity(user userInfo) {
	const check = "credentials"
	switch {
	case !user.known:
		d.ok(check, "accepted; the broker does not let the user ask who it is")
	case user.Data.name() == "":
		d.ok(check, "none are needed; account "+user.Data.Account)
	default:
		d.ok(check, fmt.Sprintf("accepted: user %s of account %s", user.Data.name(), user.Data.Account))
	}
}

// secretFiles is a log handler that hears which files with secrets are open to
// others, and nothing else.
type secretFiles struct {
	mu    sync.Mutex
	files []string
}

func (*secretFiles) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (s *secretFiles) WithAttrs([]slog.Attr) slog.Handler             { return s }
func (s *secretFiles) WithGroup(string) slog.Handler                  { return s }

func (s *secretFiles) Handle(_ context.Context, r slog.Record) error {
	var file, access string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "file":
			file = a.Value.String()
		case "access":
			access = a.Value.String()
		}
		return true
	})
	if file == "" || access == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, file+" ("+access+")")
	return nil
}

func (s *secretFiles) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.files
	s.files = nil
	return taken
}
