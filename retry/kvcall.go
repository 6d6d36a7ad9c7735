package retry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// call is one request on its way. It ends by its deadline, which every answer renews, by the loss of the connection, or by
// the server's refusal.
type call struct {
	timeout time.Duration
	timer   *time.Timer
	cancel  context.CancelCauseFunc
	unhear  func()
	helper  sync.WaitGroup
}

// begin fails with the refusal when the subject was refused on this connection before.
func (k *kvRead) begin(parent context.Context, subject string) (context.Context, *call, error) {
	connected, changed := k.r.t.State()
	if err := k.r.refused.of(subject); err != nil {
		return nil, nil, err
	}
	k.requests++
	ctx, cancel := context.WithCancelCause(parent)
	c := &call{timeout: k.timeout, cancel: cancel, unhear: func() {}}
	c.timer = time.AfterFunc(k.timeout, func() {
		cancel(fmt.Errorf("no answer within %s: %w", k.timeout, context.DeadlineExceeded))
	})
	if n, ok := k.r.t.(denialNotifier); ok {
		c.unhear = n.OnDenied(func(d Denial) {
			if !d.Subscribe && d.Subject == subject {
				k.r.refused.add(d, changed)
				cancel(d.Err)
			}
		})
	}
	if connected {
		c.helper.Go(func() { endWith(ctx, changed, cancel) })
	}
	return ctx, c, nil
}

// endWith ends a request whose answer may have been lost with the connection.
func endWith(ctx context.Context, changed <-chan struct{}, cancel context.CancelCauseFunc) {
	select {
	case <-changed:
		cancel(nats.ErrDisconnected)
	case <-ctx.Done():
	}
}

func (c *call) answered() { c.timer.Reset(c.timeout) }

func (c *call) end() {
	c.timer.Stop()
	c.unhear()
	c.cancel(nil)
	c.helper.Wait()
}

// whyEnded puts the reason for which a request was given up in the place of the context's plain error.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		return cause
	}
	return err
}

// refusalMemory is how long a refused subject is not tried again on the same connection. A server takes new permissions for
// connections that stand, too.
const refusalMemory = 10 * time.Minute

// refusals are the subjects that the server has refused, so that each read need not find out again.
type refusals struct {
	mu        sync.Mutex
	bySubject map[string]refusal
}

type refusal struct {
	err     error
	at      time.Time
	changed <-chan struct{} // of the connection that had it
}

func (r *refusals) add(d Denial, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bySubject == nil || len(r.bySubject) >= maxRefusals {
		r.bySubject = map[string]refusal{}
	}
	r.bySubject[d.Subject] = refusal{err: d.Err, at: time.Now(), changed: changed}
}

// maxRefusals bounds the memory: what is forgotten is found out again.
const maxRefusals = 1024

func (r *refusals) of(subject string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.bySubject[subject]
	if !ok {
		return nil
	}
	select {
	case <-known.changed:
	default:
		if time.Since(known.at) < refusalMemory {
			return known.err
		}
	}
	delete(r.bySubject, subject)
	return nil
}
