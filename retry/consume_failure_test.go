package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestConsumePausesMoreAndMoreWhenItFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		fake.Fail(jstest.OpMessages, errors.New("broken"), 7)
		var failures []retry.Attempt
		ended, got := make(chan error), make(chan struct{})
		go func() {
			ended <- retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				close(got)
				return m.Ack()
			}, retry.WithBackoff(retry.Backoff{Min: time.Second, Max: 8 * time.Second, Factor: 2}), retry.WithReopenSpread(0),
				retry.WithOnAttempt(func(a retry.Attempt) {
					if a.Err != nil {
						failures = append(failures, a)
					}
				}))
		}()
		_, err = fake.JetStream().Publish(ctx, "work.a", nil)
		require.NoError(t, err)
		<-got
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		var waits []time.Duration
		for n, a := range failures {
			require.Equal(t, n+1, a.N)
			waits = append(waits, a.Wait/time.Second)
		}
		require.Equal(t, []time.Duration{0, 1, 2, 4, 8, 8, 8}, waits)
	})
}

func TestConsumeEndsEarlyOnlyForWhatNoAttemptCanCure(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	never := func(context.Context, jetstream.Msg) error { return errors.New("not called") }
	for want, cfg := range map[error]jetstream.ConsumerConfig{
		jetstream.ErrInvalidConsumerName:       {Durable: "a.b"},
		jetstream.ErrInvalidSubject:            {Durable: "reader", FilterSubjects: []string{"work..a"}},
		jetstream.ErrOverlappingFilterSubjects: {Durable: "reader", FilterSubjects: []string{"work.a", "work.*"}},
	} {
		err := retry.Consume(within(t), js, "WORK", retry.FixedConsumer(cfg), never)
		require.ErrorIs(t, err, want)
		require.True(t, retry.IsPermanent(err))
	}
	c := consume(t, js, retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
	put(t, js, "work.a", "read")
	c.await("read")
	nc.Close()
	err := c.end()
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	require.True(t, retry.IsPermanent(err))
}

// A denied request is silence: it is tried again, and not waited for.
func TestConsumeWithoutPermissionKeepsTrying(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithConfig(`
		no_auth_user: reader
		authorization { users: [
			{user: admin, password: admin},
			{user: reader, password: reader, permissions: {publish: {deny: "$JS.API.CONSUMER.CREATE.>"}}},
		] }`))
	admin := newJetStream(t, b.Connect(nats.UserInfo("admin", "admin")))
	putStream(t, admin, workStream)
	nc := b.Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	for _, row := range []struct {
		opts []retry.Option
		want error
	}{
		{[]retry.Option{retry.WithTransport(retry.FromNATS(nc)), retry.WithAttemptTimeout(0)}, nats.ErrPermissionViolation}, // it is told
		{[]retry.Option{retry.WithAttemptTimeout(50 * time.Millisecond)}, context.DeadlineExceeded},
	} {
		c := consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), row.opts...)
		require.Eventually(t, func() bool { return len(c.failed()) >= 3 }, generous, time.Millisecond)
		require.ErrorIs(t, c.failed()[0].Err, row.want)
		c.stop()
	}
}
