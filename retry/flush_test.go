package retry_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

type flusher interface {
	Flush(ctx context.Context) error
}

func flusherOf(t *testing.T, nc *nats.Conn) (retry.Transport, flusher) {
	t.Helper()
	transport := retry.FromNATS(nc)
	require.Implements(t, (*flusher)(nil), transport)
	return transport, transport.(flusher)
}

func TestAfterFlushOtherConnectionsReachTheSubscription(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	transport, f := flusherOf(t, broker.Connect())
	other := broker.Connect()
	for range 100 {
		got := make(chan struct{}, 1)
		sub, err := transport.Subscribe(subject, 1, func(*nats.Msg) { got <- struct{}{} })
		require.NoError(t, err)
		require.NoError(t, f.Flush(within(t)))
		require.NoError(t, other.Publish(subject, nil))
		requireSignal(t, got, "the subscription did not stand")
		require.NoError(t, sub.Stop())
	}
}

func TestFlushWaitsForTheConnect(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	_, f := flusherOf(t, broker.Connect(nats.RetryOnFailedConnect(true)))
	done := make(chan error, 1)
	ctx := within(t)
	go func() { done <- f.Flush(ctx) }()
	broker.Start()
	require.NoError(t, <-done)
}

// This test looks at the goroutines of the whole process, so it runs alone.
func TestFlushSaysWhyItFailed(t *testing.T) {
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	transport, f := flusherOf(t, nc)
	require.ErrorIs(t, f.Flush(context.Background()), nats.ErrNoDeadlineContext) //nolint:usetesting // one without a deadline

	broker.Pause() // so that the answer cannot come before the loss
	done := make(chan error, 1)
	ctx := within(t)
	go func() { done <- f.Flush(ctx) }()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(goroutines(t), func(stack string) bool {
			return strings.Contains(stack, "[select") && strings.Contains(stack, ".(*Conn).FlushWithContext(")
		})
	}, generous, time.Millisecond, "nobody waits for the answer")
	broker.Kill()
	require.ErrorIs(t, <-done, nats.ErrDisconnected)
	requireConnected(t, transport, false)

	canceled, cancel := context.WithCancel(within(t))
	cancel()
	require.ErrorIs(t, f.Flush(canceled), context.Canceled)
	nc.Close()
	require.ErrorIs(t, f.Flush(within(t)), nats.ErrConnectionClosed)
}
