package outbox

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// A publisher that knows better than its error's other parts has the last word.
func TestAPublisherSaysThatNothingCanBePublished(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		ErrUnavailable,
		fmt.Errorf("publish: %w", ErrUnavailable),
		fmt.Errorf("%w: %w", context.DeadlineExceeded, ErrUnavailable),
		fmt.Errorf("%w: %w", nats.ErrTimeout, ErrUnavailable),
	} {
		require.Equal(t, unavailable, classify(err), err.Error())
	}
}
