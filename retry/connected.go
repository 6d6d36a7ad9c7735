package retry

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// whileConnected calls op with a context that ends when the connection is lost: the answer to a request that was on its
// way may never come, and nats.go lets it wait until its deadline. The error is then nats.ErrDisconnected. A request made
// while disconnected waits for the connection.
func whileConnected[T any](ctx context.Context, t Transport, op func(context.Context) (T, error)) (T, error) {
	if t == nil {
		return op(ctx)
	}
	connected, changed := t.State()
	if !connected {
		return op(ctx)
	}
	linked, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-linked.Done():
		case <-changed:
			end(nats.ErrDisconnected)
		}
	})
	value, err := op(linked)
	if err != nil && ctx.Err() == nil && linked.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(linked), err)
	}
	end(nil)
	watching.Wait()
	return value, err
}
