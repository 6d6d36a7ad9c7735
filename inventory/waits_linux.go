package inventory

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// maxWait is what one call has that the kernel may hold up for ever.
	maxWait = 2 * time.Second
	// maxWaiting bounds the calls that are held up.
	maxWaiting = 8
)

// errWaiting is the error of a call that is held up since an earlier collection,
// or that comes when too many are.
var errWaiting = fmt.Errorf("the file system behind it gives no answer: %w", ErrBusy)

// waits are the calls on file systems whose server or daemon may be gone. One that
// is held up is not made again before it has ended, so that no goroutines pile up.
type waits struct {
	mu      sync.Mutex
	waiting map[string]bool
}

// await makes a call, named by what it is made on, and gives it up after maxWait.
func await[T any](ctx context.Context, w *waits, on string, call func() (T, error)) (answer T, err error) {
	if !w.begin(on) {
		return answer, errWaiting
	}
	type outcome struct {
		answer T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.err = harmless(func() (err error) {
			o.answer, err = call()
			return err
		})
		w.end(on) // before anybody hears of it, and comes again
		done <- o
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, errLate)
	defer cancel()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		return answer, fmt.Errorf("it hangs: %w", context.Cause(ctx))
	}
}

func (w *waits) begin(on string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[on] || len(w.waiting) == maxWaiting {
		return false
	}
	if w.waiting == nil {
		w.waiting = make(map[string]bool)
	}
	w.waiting[on] = true
	return true
}

func (w *waits) end(on string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, on)
}
