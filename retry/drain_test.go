package retry_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// received has a broker whose ten messages wait in the client's buffer behind a
// handler that waits for release.
func received(t *testing.T, release <-chan struct{}) (b *jstest.Broker, tr retry.Transport, sub retry.Subscription, handled *atomic.Int32) {
	t.Helper()
	b = jstest.StartBroker(t)
	nc := b.Connect()
	tr, handled = retry.FromNATS(nc), new(atomic.Int32)
	sub, err := tr.Subscribe("a", 100, func(*nats.Msg) {
		<-release
		handled.Add(1)
	})
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, tr.Publish(&nats.Msg{Subject: "a"}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, nc.FlushWithContext(ctx)) // the answer comes behind the messages
	return b, tr, sub, handled
}

// Nothing can come any more, so nobody waits for it: nats.go alone would for ten
// seconds.
func TestDrainWithoutABrokerHandsOverTheBuffer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b, tr, sub, handled := received(t, release)
	b.Kill()
	require.Eventually(t, func() bool { up, _ := tr.State(); return !up }, time.Minute, time.Millisecond)
	drained := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { drained <- sub.Drain(ctx) }()
	close(release)
	select {
	case err := <-drained:
		require.NoError(t, err)
	case <-time.After(9 * time.Second):
		cancel()
		require.Fail(t, "it waits for a server that is not there", "%v", <-drained)
	}
	require.EqualValues(t, 10, handled.Load())
}

func TestDrainFromABrokerThatDoesNotAnswerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	close(release)
	b, _, sub, handled := received(t, release)
	b.Pause()
	t.Cleanup(b.Resume)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sub.Drain(ctx), context.DeadlineExceeded)
	require.EqualValues(t, 10, handled.Load(), "what had come is handed over meanwhile")
}
