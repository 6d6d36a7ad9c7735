package natskit

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// maxReasons and maxDenied bound what is remembered so as to be said once.
const (
	maxReasons = 32
	maxDenied  = 1024
)

// report logs what becomes of the connection. The attempts of a row come every
// second, so each reason is told once a row; a missing permission, once.
type report struct {
	log     *slog.Logger
	mu      sync.Mutex
	reasons map[string]bool
	denied  map[string]bool
	last    error // of the row of failed attempts; nil while connected
}

func newReport(log *slog.Logger) *report {
	return &report{log: log, reasons: make(map[string]bool), denied: make(map[string]bool)}
}

// handlers come from nats.go on one goroutine of its own. Errors of the broker
// that name a subject (a missing permission) come here and nowhere else.
func (r *report) handlers(d *dialer) []nats.Option {
	up := func(what string) nats.ConnHandler {
		return func(nc *nats.Conn) {
			d.shake(nil)
			d.pace.connected(time.Now())
			d.crowd.connect(time.Now())
			r.connected()
			r.log.Info(what, "server", ServerName(nc.ConnectedUrl()), "address", nc.ConnectedAddr())
		}
	}
	return []nats.Option{
		nats.ConnectHandler(up("connected")),
		nats.ReconnectHandler(up("reconnected")),
		nats.ReconnectErrHandler(r.failed),
		nats.DisconnectErrHandler(r.lost),
		nats.ErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
				d.crowd.refused(func() { _ = nc.ForceReconnect() }, time.Now()) // it fails on a closed connection only
			}
			r.broker(nc, sub, err)
		}),
	}
}

// ServerName is a server's URL without what may be secret: a token stands where
// a user's name does.
func ServerName(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (r *report) connected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.reasons)
	r.last = nil
}

func (r *report) lastFailure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (r *report) failed(_ *nats.Conn, err error) {
	if errors.Is(err, errNotYet) || errors.Is(err, errClosing) {
		return
	}
	r.mu.Lock()
	r.last = err
	r.mu.Unlock()
	r.log.Log(context.Background(), r.level(err), "no connection to the broker; trying again", "error", err)
}

// level is Warn for a reason that is new in this row.
func (r *report) level(err error) slog.Level {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := reasonOf(err)
	if r.reasons[reason] || len(r.reasons) >= maxReasons {
		return slog.LevelDebug
	}
	r.reasons[reason] = true
	return slog.LevelWarn
}

// ownAddress is what comes before the arrow in the text of a failure: where we have
// asked from, of a broker, a proxy or a name server.
var ownAddress = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^ ]+:[0-9]+->`) })

// reasonOf is the text of an error without our own addresses, which are others at
// each attempt.
func reasonOf(err error) string { return ownAddress().ReplaceAllString(err.Error(), "") }

func (r *report) lost(nc *nats.Conn, err error) {
	if nc.IsClosed() {
		return
	}
	if err == nil {
		r.log.Info("dialling again")
		return
	}
	r.log.Warn("connection lost; reconnecting", "error", err)
}

func (r *report) broker(_ *nats.Conn, sub *nats.Subscription, err error) {
	switch {
	case errors.Is(err, nats.ErrSlowConsumer) && sub != nil:
		r.log.Warn("messages were dropped: more arrived than could be taken", "subject", sub.Subject)
	case errors.Is(err, nats.ErrPermissionViolation):
		r.deny(err)
	case errors.Is(err, nats.ErrMaxSubscriptionsExceeded):
		r.log.Log(context.Background(), r.level(err), "the broker refuses subscriptions, because the connection or its account has too many: some commands, requests or replies are not heard; dialling again from time to time", "error", err)
	case isAuth(err):
		// The attempt that it belongs to is reported by the dialer.
	default:
		r.log.Log(context.Background(), r.level(err), "the broker reported an error", "error", err)
	}
}

func isAuth(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}

// deny tells once for each subject that something is not allowed: the broker
// answers a denied request with silence.
func (r *report) deny(err error) {
	subject := deniedSubject(err.Error())
	r.mu.Lock()
	known := r.denied[subject] || len(r.denied) >= maxDenied
	if !known {
		r.denied[subject] = true
	}
	r.mu.Unlock()
	if !known {
		r.log.Warn("the broker does not allow a subject to this agent; it is refused in silence", "subject", subject, "error", err)
	}
}

// acks start the subject of every acknowledgement; the rest is another one each time.
const acks = "$JS.ACK."

// deniedSubject is what stands in quotes in the broker's text. Inboxes count as one,
// and so do acknowledgements.
func deniedSubject(text string) string {
	_, text, _ = strings.Cut(text, `"`)
	subject, _, _ := strings.Cut(text, `"`)
	if strings.HasPrefix(subject, nats.InboxPrefix) {
		return nats.InboxPrefix + ">"
	}
	if strings.HasPrefix(subject, acks) {
		return acks + ">"
	}
	return subject
}
