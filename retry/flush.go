package retry

import (
	"context"
	"fmt"
)

// Flush returns when the server has processed everything that was sent before,
// subscriptions included. It is an ability of FromNATS's Transport beyond the
// interface; a fake that acts at once has no need of it.
func (t *natsTransport) Flush(ctx context.Context) error {
	if err := t.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("retry: flush: %w", err)
	}
	return nil
}
