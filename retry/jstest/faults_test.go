package jstest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestFailHitsEveryOperation(t *testing.T) {
	t.Parallel()
	f, js := newOrders(t)
	ctx := t.Context()
	_, err := js.Publish(ctx, "orders.a", []byte("1"))
	require.NoError(t, err)
	c, err := js.CreateOrUpdateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "C"})
	require.NoError(t, err)
	it, err := c.Messages()
	require.NoError(t, err)
	m, err := it.Next()
	require.NoError(t, err)
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "b"})
	require.NoError(t, err)
	objects, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "o"})
	require.NoError(t, err)

	for op, calls := range map[string][]func() error{
		OpPublish: {func() error { _, err := js.Publish(ctx, "orders.a", nil); return err }},
		OpStream: {
			func() error { _, err := js.Stream(ctx, "ORDERS"); return err },
			func() error { return js.DeleteStream(ctx, "ORDERS") },
		},
		OpConsumer: {
			func() error { _, err := c.Info(ctx); return err },
			func() error { return js.DeleteConsumer(ctx, "ORDERS", "C") },
		},
		OpMessages: {func() error { _, err := c.Messages(); return err }},
		OpNext:     {func() error { _, err := it.Next(); return err }},
		OpSettle:   {m.Ack, m.Nak},
		OpKeyValue: {
			func() error { _, err := js.KeyValue(ctx, "b"); return err },
			func() error { return js.DeleteKeyValue(ctx, "b") },
		},
		OpKVRead:      {func() error { _, err := kv.Get(ctx, "a"); return err }},
		OpKVWrite:     {func() error { _, err := kv.Put(ctx, "a", nil); return err }},
		OpObjectStore: {func() error { _, err := js.ObjectStore(ctx, "o"); return err }},
		OpObjectRead:  {func() error { _, err := objects.GetInfo(ctx, "a"); return err }},
		OpObjectWrite: {
			func() error {
				_, err := objects.Put(ctx, jetstream.ObjectMeta{Name: "a"}, bytes.NewReader(nil))
				return err
			},
			func() error { return objects.Delete(ctx, "a") },
		},
		OpSubscribe: {func() error { _, err := f.Conn().Subscribe("a", 1, func(*nats.Msg) {}); return err }},
		OpSend:      {func() error { return f.Conn().Publish(msg("orders.a", "")) }},
		OpRequest: {
			func() error { _, err := f.Conn().Request(ctx, msg("orders.a", "")); return err },
			func() error {
				for _, err := range f.Conn().RequestMany(ctx, msg("orders.a", "")) {
					return err
				}
				return nil
			},
		},
	} {
		boom := errors.New(op)
		f.Fail(op, boom, len(calls))
		for _, call := range calls {
			require.ErrorIs(t, call(), boom, op)
		}
	}
	require.NoError(t, m.Ack(), "a failed settlement is none")
	s, err := js.Stream(ctx, "ORDERS")
	require.NoError(t, err)
	require.EqualValues(t, 1, s.CachedInfo().State.Msgs, "a failed publish stores nothing")
}

func TestFailCountsInOrder(t *testing.T) {
	t.Parallel()
	f, js := newOrders(t)
	one, two := errors.New("one"), errors.New("two")
	f.Fail(OpStream, one, 2)
	f.Fail(OpStream, two, -1)
	look := func() error {
		_, err := js.Stream(t.Context(), "ORDERS")
		return err
	}
	for _, want := range []error{one, one, two, two, two} {
		require.ErrorIs(t, look(), want)
	}
	_, err := f.NewClient().JetStream().Stream(t.Context(), "ORDERS")
	require.NoError(t, err, "another client is not hit")
	f.Fail(OpStream, nil, 0)
	require.NoError(t, look())
	f.Fail(OpStream, one, 0)
	require.NoError(t, look())
}

func TestLosePubAckStoresTheMessage(t *testing.T) {
	t.Parallel()
	f, js := newOrders(t)
	lost := errors.New("lost")
	f.LosePubAck(lost, 1)
	m := msg("orders.a", "1", jetstream.MsgIDHeader, "one")
	_, err := js.PublishMsg(t.Context(), m)
	require.ErrorIs(t, err, lost)
	ack, err := js.PublishMsg(t.Context(), m)
	require.NoError(t, err)
	require.True(t, ack.Duplicate)
	require.EqualValues(t, 1, ack.Sequence)
}
