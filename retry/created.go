package retry

import (
	"log/slog"

	"github.com/nats-io/nats.go"
)

// streamCreatedPrefix starts the subject on which a JetStream server announces a new stream, to the stream's own account.
const streamCreatedPrefix = "$JS.EVENT.ADVISORY.STREAM.CREATED."

// creationNotice hears when a missing stream is created, so that a wait whose backoff has grown to minutes does not sleep
// through it. It is a hint on top of the backoff: where the server does not send it or the account may not hear it, the
// wait only takes longer.
type creationNotice struct {
	transport Transport
	subject   string
	log       *slog.Logger
	heard     chan struct{}
	sub       Subscription
}

func newCreationNotice(t Transport, stream string, log *slog.Logger) *creationNotice {
	return &creationNotice{transport: t, subject: streamCreatedPrefix + stream, log: log, heard: make(chan struct{}, 1)}
}

// listen subscribes, unless it has. It is called after a lookup that found nothing, so the name is one that a server has accepted,
// and whatever is created before the subscription stands is found by the next attempt.
func (n *creationNotice) listen() {
	if n.transport == nil || n.sub != nil {
		return
	}
	sub, err := n.transport.Subscribe(n.subject, 1, func(*nats.Msg) { n.ring() })
	if err != nil {
		n.log.Debug("creation is not listened for", "subject", n.subject, "error", err)
		return
	}
	n.sub = sub
}

func (n *creationNotice) ring() {
	select {
	case n.heard <- struct{}{}:
	default: // one unread notice is enough
	}
}

// stop ends the subscription until listen is called again. What was heard and not read yet stays.
func (n *creationNotice) stop() {
	if n.sub == nil {
		return
	}
	if err := n.sub.Stop(); err != nil {
		n.log.Debug("listening for creation did not stop cleanly", "subject", n.subject, "error", err)
	}
	n.sub = nil
}
