package natskit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/outbox"
)

// ErrStuck says that a call into a borrowed connection was given up: nats.go
// holds the connection's lock, usually for a write to a broker that does not
// read. Whether the call did its work nobody knows. It is an
// [outbox.ErrUnavailable]: what was to be published has no part in it.
var ErrStuck error = stuckError{}

type stuckError struct{}

func (stuckError) Error() string {
	return "the connection that was brought along does not take the call; a write to the broker may be blocked (nats.FlusherTimeout)"
}

func (stuckError) Is(target error) bool { return target == outbox.ErrUnavailable } //nolint:errorlint // this is what errors.Is asks

const (
	// callLimit bounds a call that has no context. It is the write timeout of a
	// connection of our own, which bounds the same calls there.
	callLimit = writeTimeout
	// callGrace is what a call has to return by itself when its context has ended:
	// its own error says more.
	callGrace = 100 * time.Millisecond
)

// calls are made on goroutines of their own, so that whoever made one gets away
// when it blocks. While one of those that were given up has not returned, others
// fail at once: so there are never more of them than callers.
type calls struct {
	limit time.Duration
	late  atomic.Int64 // given up and not returned

	mu   sync.Mutex
	open int
	idle chan struct{} // closed when open falls to 0; nil: nobody waits
}

func newCalls() *calls { return &calls{limit: callLimit} }

// outcome is what a call returned.
type outcome[T any] struct {
	value T
	err   error
}

// call is one that runs.
type call[T any] struct {
	of   *calls
	done chan outcome[T]
	gone atomic.Bool // given up, or returned
}

// begin starts a call. What it returns after it was given up goes to undo, unless
// that is nil or the call failed.
func begin[T any](c *calls, f func() (T, error), undo func(T)) *call[T] {
	one := &call[T]{of: c, done: make(chan outcome[T], 1)}
	c.add(1)
	go func() {
		defer c.add(-1)
		v, err := f()
		if one.gone.CompareAndSwap(false, true) {
			one.done <- outcome[T]{v, err}
			return
		}
		if err == nil && undo != nil {
			undo(v)
		}
		c.late.Add(-1)
	}()
	return one
}

// await returns what the call returned, or why nobody waits for it any more: its
// context has ended and it has not, or the limit, if not 0, has passed.
func (one *call[T]) await(ctx context.Context, limit time.Duration) (T, error) {
	select {
	case o := <-one.done:
		return o.value, o.err
	case <-ctx.Done():
		return one.lastChance(callGrace, fmt.Errorf("%w: %w", ctx.Err(), ErrStuck))
	case <-after(limit):
		return one.lastChance(0, ErrStuck)
	}
}

func (one *call[T]) lastChance(grace time.Duration, why error) (none T, err error) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case o := <-one.done:
		return o.value, o.err
	case <-timer.C:
	}
	one.of.late.Add(1)
	if one.gone.CompareAndSwap(false, true) {
		return none, why
	}
	one.of.late.Add(-1) // it has just returned
	o := <-one.done
	return o.value, o.err
}

// after is nil, which blocks for ever, for no limit.
func after(limit time.Duration) <-chan time.Time {
	if limit == 0 {
		return nil
	}
	return time.After(limit)
}

// within makes a call that has no context.
func within[T any](c *calls, f func() (T, error), undo func(T)) (none T, err error) {
	if c.stuck() {
		return none, ErrStuck
	}
	return begin(c, f, undo).await(context.Background(), c.limit)
}

// until makes a call that ends with ctx, or should.
func until[T any](ctx context.Context, c *calls, f func() (T, error)) (none T, err error) {
	if c.stuck() {
		return none, ErrStuck
	}
	return begin(c, f, nil).await(ctx, 0)
}

// finally makes a call that has to be made, however late, and waits for it if
// there is hope.
func (c *calls) finally(ctx context.Context, f func() error) error {
	limit := c.limit
	if c.stuck() {
		limit = 1 // ns
	}
	_, err := begin(c, func() (struct{}, error) { return struct{}{}, f() }, nil).await(ctx, limit)
	return err
}

func (c *calls) stuck() bool { return c.late.Load() > 0 }

// do is within for a call that returns an error only.
func (c *calls) do(f func() error) error {
	_, err := within(c, func() (struct{}, error) { return struct{}{}, f() }, nil)
	return err
}

func (c *calls) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open += n; c.open == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// wait returns how many calls have not returned when all have, or when ctx ends.
func (c *calls) wait(ctx context.Context) (open int) {
	c.mu.Lock()
	if c.open > 0 && c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}
