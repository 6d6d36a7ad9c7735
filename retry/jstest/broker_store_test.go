package jstest

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestLoseConsumer(t *testing.T) {
	t.Parallel()
	b := StartBroker(t)
	js := b.JetStream()
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	require.NoError(t, err)
	for _, name := range []string{"lost", "kept"} {
		_, err = js.CreateOrUpdateConsumer(within(t), "ORDERS", jetstream.ConsumerConfig{Durable: name})
		require.NoError(t, err)
	}
	b.LoseConsumer("ORDERS", "lost")
	_, err = js.CreateOrUpdateConsumer(within(t), "ORDERS", jetstream.ConsumerConfig{Durable: "lost"})
	require.ErrorIs(t, err, jetstream.ErrConsumerCreate)
	_, err = js.CreateOrUpdateConsumer(within(t), "ORDERS", jetstream.ConsumerConfig{Durable: "kept"})
	require.NoError(t, err)
}
