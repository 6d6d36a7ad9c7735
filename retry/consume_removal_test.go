package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// What nats-server does meanwhile is told at removalTime. Made anew at once, 100 of 300 consumers lost their folder.
func TestConsumeLeavesADeletedConsumerAloneUntilTheServerHasRemovedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		js := jstest.NewFake().JetStream()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := js.CreateStream(ctx, workStream)
		require.NoError(t, err)
		ended := make(chan error)
		go func() {
			ended <- retry.Consume(ctx, js, "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				return m.Ack()
			}, retry.WithReopenSpread(0))
		}()
		for range 3 {
			synctest.Wait()
			require.NoError(t, js.DeleteConsumer(ctx, "WORK", "reader"))
			time.Sleep(2*time.Second - time.Nanosecond)
			_, err = js.Consumer(ctx, "WORK", "reader")
			require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
			time.Sleep(time.Minute)
			_, err = js.Consumer(ctx, "WORK", "reader")
			require.NoError(t, err)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
