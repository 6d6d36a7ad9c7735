package agent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// ErrConnectionClosed says that the connection to the broker was closed for
// good, by the program that brought it along or by nats.go. Nothing can come in
// or go out any more; what is on disk is there for the next start.
var ErrConnectionClosed = errors.New("agent: the connection to the broker was closed")

// fleetSpread is over how long the hosts of a fleet read what one write has changed
// for all of them: 500 hosts then send as many requests in a second.
const fleetSpread = time.Second

// hintSpread lets the rows of this host be read at once, and revocations and pins
// within retry.DefaultHintSpread: until then a script that was revoked may run.
func (a *Agent) hintSpread(bucket string) retry.Option {
	spread := fleetSpread
	if bucket == wire.BucketScriptCurrent || bucket == wire.BucketScriptStatus {
		spread = retry.DefaultHintSpread
	}
	return retry.WithHintSpread(spread, a.cfg.ID, wire.ConfigKeyPC(a.cfg.ID))
}

// inbox is where the replies to a host go. A role may give each host its own, so
// that none sees what the broker says to others; one token, or the host PC could
// see what is said to the host PC.1. Roles for all hosts allow _INBOX.> as a whole.
func inbox(pcID string) string {
	return nats.InboxPrefix + strings.ReplaceAll(pcID, ".", "_")
}

func (a *Agent) dialOptions() natskit.Options {
	c := a.cfg
	credentials := a.opts.credentials
	if credentials == nil {
		credentials = c.login()
	}
	return natskit.Options{
		Servers: c.Servers, Name: wire.ClientName(c.ID), Inbox: inbox(c.ID), Logger: a.log.With("component", "connection"),
		Credentials: credentials, Proxy: string(c.Proxy),
		TLS: natskit.TLSFiles{CA: c.TLS.CAFile, Cert: c.TLS.CertFile, Key: c.TLS.KeyFile},
	}
}

// borrow takes the connection that was brought along.
func (a *Agent) borrow(p *parts) (err error) {
	p.borrowed = natskit.Borrow(a.opts.conn)
	p.borrowed.Warn(a.log.With("component", "connection"))
	js, err := p.borrowed.JetStream()
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	p.transport, p.js = p.borrowed, js
	p.link = natskit.NewLink(p.transport, p.borrowed.Server)
	return nil
}

// connectionTasks end Run when the connection is closed for good, and make it prove
// itself after a sleep or a change of networks.
func (a *Agent) connectionTasks(p *parts) []supervise.Task {
	tasks := []supervise.Task{{Name: "closed connection", Policy: supervise.Fatal, Run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-p.link.Closed():
			return ErrConnectionClosed
		}
	}}}
	watch := &natskit.Watch{Until: p.beat.Until, Logger: a.log.With("component", "connection")}
	switch {
	case p.own != nil:
		watch.Conn = p.own
	case p.borrowed != nil:
		watch.Conn = p.borrowed
	default: // a transport of somebody else's
		return tasks
	}
	return append(tasks, supervise.Task{Name: watchTask, Run: watch.Run})
}

const watchTask = "sleep and network changes"

// withoutProxyPassword takes user and password out of the variables that name a
// proxy. The proxy itself stays: scripts may need it, with a login of their own.
func withoutProxyPassword(entry string) string {
	name, value, _ := strings.Cut(entry, "=")
	if !strings.HasSuffix(strings.ToUpper(name), "_PROXY") || !strings.Contains(value, "@") {
		return entry
	}
	if u, err := url.Parse(value); err == nil && u.Host != "" {
		u.User = nil
		return name + "=" + u.String()
	}
	scheme, rest, found := strings.Cut(value, "://")
	if !found {
		scheme, rest = "", value
	} else {
		scheme += "://"
	}
	return name + "=" + scheme + rest[strings.LastIndex(rest, "@")+1:]
}
