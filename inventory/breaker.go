package inventory

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// errHangs is the error of calls behind one that hangs.
var errHangs = fmt.Errorf("a call before it hangs: %w", ErrBusy)

// breaker runs one call at a time. One that is given up keeps its turn until it
// ends by itself, if ever; until then the others fail at once. So at most one
// goroutine is ever left behind.
type breaker struct {
	mu      sync.Mutex
	current *turn
}

type turn struct{ ended, late chan struct{} }

// errLate is the error of a call that had its time.
var errLate = fmt.Errorf("its time is over: %w", context.DeadlineExceeded)

// do returns the error of call. It gives the call up at the end of ctx, or so
// long after its turn came.
func (b *breaker) do(ctx context.Context, limit time.Duration, call func() error) error {
	mine, err := b.wait(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := harmless(call)
		b.end(mine) // before anybody hears of it, and comes again
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		close(mine.late)
		return fmt.Errorf("it hangs: %w", context.Cause(ctx))
	}
}

func (b *breaker) wait(ctx context.Context) (*turn, error) {
	for {
		mine, other := b.claim()
		if mine != nil {
			return mine, nil
		}
		select {
		case <-other.ended:
		case <-other.late:
			return nil, errHangs
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (b *breaker) claim() (mine, other *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != nil {
		return nil, b.current
	}
	b.current = &turn{ended: make(chan struct{}), late: make(chan struct{})}
	return b.current, nil
}

func (b *breaker) end(t *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = nil
	close(t.ended)
}

func harmless(call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack())
		}
	}()
	return call()
}
