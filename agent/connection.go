package agent

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// ErrConnectionClosed says that the connection to the broker was closed for
// good, by the program that brought it along or by nats.go. Nothing can come in
// or go out any more; what is on disk is there for the next start.
var ErrConnectionClosed = errors.New("agent: the connection to the broker was closed")

func (a *Agent) dialOptions() natskit.Options {
	c := a.cfg
	credentials := a.opts.credentials
	if credentials == nil {
		credentials = c.login()
	}
	return natskit.Options{
		Servers: c.Servers, Name: wire.ClientName(c.ID), Logger: a.log.With("component", "connection"),
		Credentials: credentials, Proxy: string(c.Proxy),
		TLS: natskit.TLSFiles{CA: c.TLS.CAFile, Cert: c.TLS.CertFile, Key: c.TLS.KeyFile},
	}
}

// connectionTasks end Run when the connection is closed for good, and make one
// of our own prove itself after a sleep or a change of networks.
func (a *Agent) connectionTasks(p *parts) []supervise.Task {
	tasks := []supervise.Task{{Name: "closed connection", Policy: supervise.Fatal, Run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-p.link.Closed():
			return ErrConnectionClosed
		}
	}}}
	if p.own != nil {
		watch := &natskit.Watch{Conn: p.own, Logger: a.log.With("component", "connection")}
		tasks = append(tasks, supervise.Task{Name: "sleep and network changes", Run: watch.Run})
	}
	return tasks
}

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
