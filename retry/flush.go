package retry

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Flush returns when the server has processed everything that was sent before, subscriptions included. While disconnected
// it waits for the connect. ctx must have a deadline (nats.ErrNoDeadlineContext); nats.ErrDisconnected says that the
// connection was lost on the way. It is an ability of FromNATS's Transport beyond the interface, found by type assertion; a
// fake that acts at once has no need of it.
func (t *natsTransport) Flush(ctx context.Context) error {
	err := t.nc.FlushWithContext(ctx)
	if errors.Is(err, nats.ErrConnectionClosed) && !t.nc.IsClosed() {
		err = nats.ErrDisconnected // nats.go calls both closed
	}
	if err != nil {
		return fmt.Errorf("retry: flush: %w", err)
	}
	return nil
}

// NewInbox returns a fresh reply subject under the connection's inbox prefix. It
// is an ability of FromNATS's Transport beyond the interface, for who reads
// replies through a subscription of its own.
func (t *natsTransport) NewInbox() string { return t.nc.NewInbox() }
