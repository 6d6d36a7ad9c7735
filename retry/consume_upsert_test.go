package retry_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The consumer of the reference release has one filter for everything and no inactivity threshold.
func TestConsumeUpdatesAnOlderConsumerInPlace(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	ctx := within(t)
	putStream(t, js, jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}, MaxMsgsPerSubject: 1})
	older, err := js.CreateConsumer(ctx, "WORK", jetstream.ConsumerConfig{
		Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "work.>",
	})
	require.NoError(t, err)
	put(t, js, "work.all", "acked")
	m, err := older.Next()
	require.NoError(t, err)
	require.NoError(t, m.DoubleAck(ctx))
	put(t, js, "work.me", "waiting")

	for name, cfg := range map[string]jetstream.ConsumerConfig{
		"same start":    {Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy},
		"other start":   {Durable: "reader", DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy},
		"other waiting": {Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy, MaxWaiting: 7},
	} {
		cfg.FilterSubjects = []string{"work.all", "work.me"}
		cfg.InactiveThreshold = 30 * 24 * time.Hour
		cfg.AckWait = 2 * time.Second // what reaches the pull of the Consume before is lost for so long
		put(t, js, "work.me", name)
		c := consume(t, js, retry.FixedConsumer(cfg), retry.WithTransport(retry.FromNATS(nc)))
		c.await(name)
		require.NotContains(t, c.all(), "acked")
		require.Len(t, filtersOnServer(t, js), 2, name)
		c.stop()
	}
}

// What cannot be cured without losing the place in the stream is waited out: nothing is deleted.
func TestConsumeWaitsUntilAPushConsumerOfItsNameIsGone(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	_, err := js.CreatePushConsumer(within(t), "WORK", jetstream.ConsumerConfig{
		Durable: "reader", DeliverSubject: "elsewhere", AckPolicy: jetstream.AckExplicitPolicy,
	})
	require.NoError(t, err)
	put(t, js, "work.a", "waits")
	c := consume(t, js, retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
	require.Eventually(t, func() bool { return len(c.failed()) >= 3 }, generous, time.Millisecond)
	t.Log(c.failed()[0].Err)
	require.NoError(t, js.DeleteConsumer(within(t), "WORK", "reader"))
	c.await("waits")
}
