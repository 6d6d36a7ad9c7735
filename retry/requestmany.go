package retry

import (
	"context"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
)

// maxWaitingReplies bounds the replies that the caller of RequestMany has not taken yet.
const maxWaitingReplies = 64 * 1024

const (
	statusHeader      = "Status"
	statusNoResponder = "503"
)

func (t *natsTransport) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	return func(yield func(*nats.Msg, error) bool) {
		if m == nil {
			yield(nil, fmt.Errorf("retry: request: %w", nats.ErrInvalidMsg))
			return
		}
		if err := t.requestMany(ctx, m, yield); err != nil {
			yield(nil, fmt.Errorf("retry: request to %s: %w", m.Subject, err))
		}
	}
}

// requestMany returns nil when the caller has had enough.
func (t *natsTransport) requestMany(ctx context.Context, m *nats.Msg, yield func(*nats.Msg, error) bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r, err := openReplies(t)
	if err != nil {
		return err
	}
	defer r.close()
	if err := t.nc.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: r.inbox, Header: m.Header, Data: m.Data}); err != nil {
		return err
	}
	for {
		reply, err := r.next(ctx)
		if err != nil {
			return err
		}
		if !yield(reply, nil) {
			return nil
		}
	}
}

// replies is the inbox of one RequestMany. Its handler hands over one message at a time; the rest waits in nats.go.
type replies struct {
	inbox     string
	sub       *natsSubscription
	state     *connState
	connected bool            // when the request was made, or since
	changed   <-chan struct{} // of that
	msgs      chan *nats.Msg
	done      chan struct{}
}

func openReplies(t *natsTransport) (*replies, error) {
	r := &replies{inbox: t.nc.NewInbox(), state: t.state, msgs: make(chan *nats.Msg), done: make(chan struct{})}
	r.connected, r.changed = t.State()
	sub, err := subscribe(t.nc, r.inbox, maxWaitingReplies, r.hand)
	if err != nil {
		return nil, err
	}
	r.sub = sub
	return r, nil
}

func (r *replies) hand(m *nats.Msg) {
	select {
	case r.msgs <- m:
	case <-r.done:
	}
}

func (r *replies) next(ctx context.Context) (*nats.Msg, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.sub.ended:
			return nil, nats.ErrConnectionClosed
		case m := <-r.msgs:
			return m, r.check(m)
		case <-r.changed:
			if r.connected { // replies may have been lost with the connection, even if it is back
				return nil, nats.ErrDisconnected
			}
			r.connected, r.changed = r.state.get()
		}
	}
}

// check tells replies from the server's notice that nobody listens, and a whole set from one with a hole in it.
func (r *replies) check(m *nats.Msg) error {
	if len(m.Data) == 0 && m.Header.Get(statusHeader) == statusNoResponder {
		return nats.ErrNoResponders
	}
	if r.sub.Dropped() > 0 {
		return nats.ErrSlowConsumer
	}
	return nil
}

// close returns after the handler has. An inbox that cannot be unsubscribed belongs to a connection that is gone.
func (r *replies) close() {
	close(r.done)
	_ = r.sub.Stop()
}
