package natskit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// Borrowed is a connection of somebody else. Everything that nats.go does on a
// connection takes its lock, which a write to a broker that does not read holds
// for nats.FlusherTimeout, a minute by default: so each call is made beside the
// caller, who gets [ErrStuck] after 2 s, or when the context of the call ends.
// What such a call holds on to ends with the write.
type Borrowed struct {
	retry.Transport // those methods that never wait: State
	nc              *nats.Conn
	calls           *calls
	payload         atomic.Int64 // the largest message, as last known
}

// native is what retry.FromNATS can do beyond its interface.
type native interface {
	retry.Transport
	Closed() <-chan struct{}
	Flush(ctx context.Context) error
	MaxPayload() int64
	NewInbox() string
	OnDenied(h func(retry.Denial)) (stop func())
	PublishNow(m *nats.Msg) error
}

// Borrow wraps a connection, which stays its owner's.
func Borrow(nc *nats.Conn) *Borrowed {
	return &Borrowed{Transport: retry.FromNATS(nc), nc: nc, calls: newCalls()}
}

func (b *Borrowed) inner() native { return b.Transport.(native) }

// JetStream is that of the connection, bounded in the same way.
func (b *Borrowed) JetStream() (jetstream.JetStream, error) {
	js, err := jetstream.New(b.nc)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return &boundJetStream{js, b.calls}, nil
}

// Wait returns how many calls are still blocked when none is, or when ctx ends.
func (b *Borrowed) Wait(ctx context.Context) (blocked int) { return b.calls.wait(ctx) }

// Server is the URL that the connection is connected to; empty: none, or nobody
// can tell.
func (b *Borrowed) Server() string {
	url, _ := within(b.calls, func() (string, error) { return b.nc.ConnectedUrl(), nil }, nil)
	return url
}

// Closed is that of retry.FromNATS, as are the methods below.
func (b *Borrowed) Closed() <-chan struct{} { return b.inner().Closed() }

// NewInbox returns a subject for replies.
func (b *Borrowed) NewInbox() string { return b.inner().NewInbox() }

// MaxPayload is the last one that was known if the connection does not say.
func (b *Borrowed) MaxPayload() int64 {
	n, err := within(b.calls, func() (int64, error) { return b.inner().MaxPayload(), nil }, nil)
	if err != nil {
		return b.payload.Load()
	}
	b.payload.Store(n)
	return n
}

// Publish sends m.
func (b *Borrowed) Publish(m *nats.Msg) error {
	return b.calls.do(func() error { return b.Transport.Publish(m) })
}

// PublishNow sends m, or drops it while there is no connection.
func (b *Borrowed) PublishNow(m *nats.Msg) error {
	return b.calls.do(func() error { return b.inner().PublishNow(m) })
}

// Request sends m and returns the first reply.
func (b *Borrowed) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	return until(ctx, b.calls, func() (*nats.Msg, error) { return b.Transport.Request(ctx, m) })
}

// Flush returns when the broker has seen what was sent.
func (b *Borrowed) Flush(ctx context.Context) error {
	_, err := until(ctx, b.calls, func() (struct{}, error) { return struct{}{}, b.inner().Flush(ctx) })
	return err
}

// OnDenied tells h of refusals as soon as the connection takes it.
func (b *Borrowed) OnDenied(h func(retry.Denial)) (stop func()) {
	installed := make(chan func(), 1)
	always := context.Background()
	_ = b.calls.finally(always, func() error { installed <- b.inner().OnDenied(h); return nil })
	return sync.OnceFunc(func() { // a second one would find nothing installed, and wait for ever
		_ = b.calls.finally(always, func() error { (<-installed)(); return nil })
	})
}

// RequestMany sends m and yields the replies.
func (b *Borrowed) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	return func(yield func(*nats.Msg, error) bool) {
		if b.calls.stuck() {
			yield(nil, ErrStuck)
			return
		}
		err := b.requestMany(ctx, m, yield)
		if err != nil {
			yield(nil, err)
		}
	}
}

// errEnough ends a request for many at its caller's wish.
var errEnough = errors.New("enough")

// requestMany takes over one reply at a time from the goroutine that asks.
func (b *Borrowed) requestMany(ctx context.Context, m *nats.Msg, yield func(*nats.Msg, error) bool) error {
	asking, end := context.WithCancelCause(ctx)
	defer end(nil)
	replies := make(chan outcome[*nats.Msg])
	one := begin(b.calls, func() (struct{}, error) {
		for reply, err := range b.Transport.RequestMany(asking, m) {
			select {
			case replies <- outcome[*nats.Msg]{reply, err}:
			case <-asking.Done():
				return struct{}{}, context.Cause(asking)
			}
		}
		return struct{}{}, nil
	}, nil)
	for {
		select {
		case r := <-replies:
			if !yield(r.value, r.err) {
				end(errEnough)
				_, _ = one.await(context.Background(), b.calls.limit)
				return nil
			}
		case o := <-one.done:
			return o.err
		case <-ctx.Done():
			_, err := one.await(ctx, 0)
			return cmp.Or(err, ctx.Err())
		}
	}
}
