package jstest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func newOrders(t *testing.T) (*Fake, *JetStream) {
	t.Helper()
	f := NewFake()
	js := f.JetStream()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxAge: time.Hour})
	require.NoError(t, err)
	return f, js
}

func TestFakeRunsOnVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, js := newOrders(t)
		start := time.Now()
		_, err := js.PublishMsg(t.Context(), msg("orders.a", "1", jetstream.MsgIDHeader, "one"))
		require.NoError(t, err)
		c, err := js.CreateOrUpdateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{Durable: "C"})
		require.NoError(t, err)
		it, err := c.Messages()
		require.NoError(t, err)

		m, err := it.Next()
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		require.NoError(t, m.InProgress())
		m, err = it.Next()
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, time.Since(start), "the default ack wait")
		require.NoError(t, m.NakWithDelay(10*time.Minute))
		m, err = it.Next()
		require.NoError(t, err)
		require.Equal(t, 10*time.Minute+30*time.Second, time.Since(start))
		require.NoError(t, m.Ack())

		ack, err := js.PublishMsg(t.Context(), msg("orders.a", "1", jetstream.MsgIDHeader, "one"))
		require.NoError(t, err)
		require.False(t, ack.Duplicate, "the window of 2 minutes is over")
		_, err = it.Next(jetstream.NextMaxWait(time.Second))
		require.NoError(t, err)
		_, err = it.Next(jetstream.NextMaxWait(time.Second))
		require.ErrorIs(t, err, nats.ErrTimeout)
		time.Sleep(time.Hour)
		s, err := js.Stream(t.Context(), "ORDERS")
		require.NoError(t, err)
		require.Zero(t, s.CachedInfo().State.Msgs, "everything is older than the stream keeps")
	})
}

func TestFakeCallsWaitFiveSecondsForTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, js := newOrders(t)
		f.Disconnect()
		for _, call := range []func() error{
			func() error { _, err := js.Stream(t.Context(), "ORDERS"); return err },
			func() error { _, err := js.KeyValue(t.Context(), "b"); return err },
			func() error { _, err := js.Publish(t.Context(), "orders.a", nil); return err },
		} {
			start := time.Now()
			require.ErrorIs(t, call(), context.DeadlineExceeded)
			require.Equal(t, 5*time.Second, time.Since(start))
		}
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			f.Reconnect()
		}()
		_, err := js.Stream(t.Context(), "ORDERS")
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestFakeTriesHalfASecondForAStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		js := NewFake().JetStream()
		start := time.Now()
		_, err := js.Publish(t.Context(), "orders.a", nil)
		require.ErrorIs(t, err, jetstream.ErrNoStreamResponse)
		require.Equal(t, 500*time.Millisecond, time.Since(start))
	})
}

func TestFakeReportsAPullThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, js := newOrders(t)
		cfg := jetstream.ConsumerConfig{Durable: "C"}
		c, err := js.CreateOrUpdateConsumer(t.Context(), "ORDERS", cfg)
		require.NoError(t, err)
		it, err := c.Messages()
		require.NoError(t, err)
		require.NoError(t, js.DeleteConsumer(t.Context(), "ORDERS", "C"))

		start := time.Now()
		_, err = it.Next()
		require.ErrorIs(t, err, jetstream.ErrNoHeartbeat)
		require.Equal(t, 30*time.Second, time.Since(start))

		_, err = js.CreateOrUpdateConsumer(t.Context(), "ORDERS", cfg)
		require.NoError(t, err)
		_, err = js.Publish(t.Context(), "orders.a", []byte("1"))
		require.NoError(t, err)
		_, err = it.Next()
		require.NoError(t, err, "the iterator goes on")
	})
}

// A broker that lost its data while the client was away: the iterator is not told, and pulls again after the reconnect.
func TestFakeIteratorSurvivesAnExchangeOfTheStreamWhileAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, js := newOrders(t)
		other := f.NewClient().JetStream()
		c, err := js.CreateOrUpdateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{Durable: "C"})
		require.NoError(t, err)
		it, err := c.Messages()
		require.NoError(t, err)
		got := make(chan string, 1)
		go func() {
			m, err := it.Next()
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(m.Data())
		}()
		synctest.Wait()
		f.Disconnect()
		require.NoError(t, other.DeleteStream(t.Context(), "ORDERS"))
		_, err = other.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
		require.NoError(t, err)
		_, err = other.CreateOrUpdateConsumer(t.Context(), "ORDERS", jetstream.ConsumerConfig{Durable: "C"})
		require.NoError(t, err)
		_, err = other.Publish(t.Context(), "orders.a", []byte("new"))
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, got)
		f.Reconnect()
		require.Equal(t, "new", <-got)
	})
}

func TestFakeClientsAreCutOffOneByOne(t *testing.T) {
	t.Parallel()
	f := NewFake()
	other := f.NewClient()
	got := make(chan string, 10)
	sub, err := f.Conn().Subscribe("a", 10, func(m *nats.Msg) { got <- string(m.Data) })
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Stop()) }()

	f.Disconnect()
	f.Disconnect()
	require.NoError(t, other.Conn().Publish(msg("a", "lost")))
	require.NoError(t, f.Conn().Publish(msg("a", "buffered")))
	f.Reconnect()
	f.Reconnect()
	require.NoError(t, other.Conn().Publish(msg("a", "after")))
	require.Equal(t, "buffered", <-got)
	require.Equal(t, "after", <-got)
}

func TestFakeBufferIsBounded(t *testing.T) {
	t.Parallel()
	f := NewFake()
	f.Disconnect()
	big := msg("a", strings.Repeat("x", maxPayload))
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = f.Conn().Publish(&nats.Msg{Subject: "a", Data: big.Data})
	}
	require.ErrorIs(t, err, nats.ErrReconnectBufExceeded)
	require.Equal(t, 8, n)
}

func TestFakeSubscriptionEndsInItsBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := NewFake()
		kv, err := f.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "b"})
		require.NoError(t, err)
		sub, err := f.Conn().Subscribe("a", 1, func(*nats.Msg) { time.Sleep(time.Minute) })
		require.NoError(t, err)
		w, err := kv.WatchAll(t.Context())
		require.NoError(t, err)
		require.NoError(t, f.Conn().Publish(msg("a", "")))
		synctest.Wait()
		start := time.Now()
		require.NoError(t, sub.Stop())
		require.Equal(t, time.Minute, time.Since(start), "Stop waits for the handler")
		require.NoError(t, w.Stop())
	})
}

func TestMsgRecordsItsSettlements(t *testing.T) {
	t.Parallel()
	m := NewMsg(msg("a", "data"), nil)
	require.NoError(t, m.InProgress())
	require.NoError(t, m.NakWithDelay(time.Second))
	require.ErrorIs(t, m.Ack(), jetstream.ErrMsgAlreadyAckd)
	require.Equal(t, []Settlement{{Kind: Progressed}, {Kind: Naked, Delay: time.Second}}, m.Settlements())
	_, err := m.Metadata()
	require.ErrorIs(t, err, jetstream.ErrNotJSMessage)
	meta := &jetstream.MsgMetadata{Stream: "S"}
	got, err := NewMsg(msg("a", ""), meta).Metadata()
	require.NoError(t, err)
	require.Equal(t, meta, got)
}

func TestWhatIsNotImitatedPanicsWithItsName(t *testing.T) {
	t.Parallel()
	_, js := newOrders(t)
	ctx := t.Context()
	s, err := js.Stream(ctx, "ORDERS")
	require.NoError(t, err)
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "b"})
	require.NoError(t, err)
	for name, call := range map[string]func(){
		"Stream.PauseConsumer":      func() { _, _ = s.PauseConsumer(ctx, "C", time.Now()) },
		"KeyValue.PurgeDeletes":     func() { _ = kv.PurgeDeletes(ctx) },
		"option of KeyValue.Delete": func() { _ = kv.Delete(ctx, "a", jetstream.LastRevision(1)) },
		"option of PublishMsg":      func() { _, _ = js.Publish(ctx, "orders.a", nil, jetstream.WithMsgID("x")) },
		"StreamConfig.Mirror": func() {
			_, _ = js.CreateStream(ctx, jetstream.StreamConfig{Name: "M", Mirror: &jetstream.StreamSource{Name: "S"}})
		},
		"ConsumerConfig.BackOff": func() {
			_, _ = js.CreateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "C", BackOff: []time.Duration{1}})
		},
		"header Nats-TTL":             func() { _, _ = js.PublishMsg(ctx, msg("orders.a", "", "Nats-TTL", "1s")) },
		"$JS.API.STREAM.INFO.ORDERS":  func() { _, _ = NewFake().Conn().Request(ctx, msg("$JS.API.STREAM.INFO.ORDERS", "")) },
		"option of type func(string)": func() { applied(func(string) {}) },
	} {
		require.Panics(t, call, name)
		func() {
			defer func() { require.ErrorContains(t, errors.New(recover().(string)), name) }()
			call()
		}()
	}
}
