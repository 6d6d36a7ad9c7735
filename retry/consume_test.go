package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestConsumeGivesBackWhatWasNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		_, err = fake.JetStream().Publish(ctx, "work.a", nil)
		require.NoError(t, err)
		var at []time.Duration
		begin, ended := time.Now(), make(chan error)
		go func() {
			ended <- retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				at = append(at, time.Since(begin))
				if len(at) <= 4 {
					return errors.New("no room")
				}
				return m.Ack()
			}, retry.WithBackoff(retry.Backoff{Min: time.Second, Max: 4 * time.Second, Factor: 2}))
		}()
		time.Sleep(time.Hour)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Equal(t, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 11 * time.Second}, at)
	})
}

func TestConsumeHandsOverNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		for range 10 {
			_, err = fake.JetStream().Publish(ctx, "work.a", nil)
			require.NoError(t, err)
		}
		handled := 0
		err = retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(ctx context.Context, _ jetstream.Msg) error {
			handled++
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}, retry.WithTransport(fake.Conn()))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "consumer WORK/reader")
		require.Equal(t, 1, handled)
	})
}

// What is pulled and not handled when a process ends is for the next one, and not after the ack wait, an hour here.
func TestConsumeLeavesNothingBehindForTheAckWait(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	slow := readerConfig
	slow.AckWait = time.Hour
	handling, ctx := make(chan struct{}), within(t)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		ended <- retry.Consume(ctx, js, "WORK", retry.FixedConsumer(slow), func(ctx context.Context, _ jetstream.Msg) error {
			close(handling)
			<-ctx.Done()
			return ctx.Err()
		}, retry.WithTransport(retry.FromNATS(nc)))
	}()
	const waiting = 20
	for n := range waiting {
		put(t, js, "work.a", fmt.Sprint(n))
	}
	<-handling
	require.Eventually(t, func() bool {
		c, err := js.Consumer(t.Context(), "WORK", "reader")
		return err == nil && c.CachedInfo().NumAckPending == waiting
	}, generous, time.Millisecond, "all are pulled")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	c := consume(t, js, retry.FixedConsumer(slow))
	for n := range waiting {
		c.await(fmt.Sprint(n))
	}
}
