package retry

import (
	"context"
	"iter"

	"github.com/nats-io/nats.go"
)

// Transport is what waiting code needs of a NATS connection. FromNATS adapts a *nats.Conn; jstest.Conn is a fake for tests.
// All methods may be called from any goroutine.
type Transport interface {
	// Subscribe hands every message on subject to h, one at a time and in order. At most pending messages, the one in h
	// included, are kept waiting; further ones are dropped and counted. It works while disconnected: the server learns of it
	// at the next connect. h must not call Stop on its own subscription.
	Subscribe(subject string, pending int, h func(*nats.Msg)) (Subscription, error)

	// Publish sends m without waiting for the server.
	Publish(m *nats.Msg) error

	// Request sends m and returns the first reply, nats.ErrNoResponders when nobody listens, or ctx's error.
	Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error)

	// RequestMany sends m when the loop over it starts, and again at each further loop, and yields the replies as they
	// come. How many there will be is the caller's knowledge: the loop ends by the caller's break, or with one last element
	// that carries an error: nats.ErrNoResponders, ctx's error, or whatever else made the replies incomplete.
	RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error]

	// State reports whether the connection is up. changed is closed at the next change of that.
	State() (connected bool, changed <-chan struct{})
}

// Subscription is one Subscribe.
type Subscription interface {
	// Dropped counts the messages that found the buffer full.
	Dropped() int

	// Stop ends the subscription and returns after the last handler call has returned. Messages that still wait in the
	// buffer are discarded. Further calls do nothing.
	Stop() error

	// Drain ends the subscription in good order: the server sends no more, what it has sent before is still handed to the
	// handler, and Drain returns after the last handler call has returned. The end of ctx makes it a Stop, whose error, or
	// else ctx's, it then returns; so a handler that may block must end with ctx too. While disconnected nothing can be on
	// its way, and only what is in the buffer is handed over. On a subscription that has ended it does nothing.
	Drain(ctx context.Context) error
}
