package outbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// agentLike are the connection options of a host that never gives up.
func agentLike() []nats.Option {
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	return []nats.Option{nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), quiet}
}

// realBox is an outbox that drains into a broker.
func realBox(t *testing.T, b *jstest.Broker, opts ...Option) (*Outbox, jetstream.JetStream) {
	t.Helper()
	nc := b.Connect(agentLike()...)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return openBox(t, t.TempDir(), append([]Option{WithTransport(retry.FromNATS(nc))}, opts...)...), js
}

func createStream(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := retry.Forever(ctx, "create stream", func(ctx context.Context) (jetstream.Stream, error) {
		return js.CreateStream(ctx, jetstream.StreamConfig{Name: "TEST", Subjects: []string{"test.>"}})
	}, retry.WithBackoff(retry.Backoff{Min: 50 * time.Millisecond, Max: time.Second, Factor: 2}))
	require.NoError(t, err)
}

// requireStored checks that the stream has the records 0 … n-1, each once.
func requireStored(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := js.Stream(ctx, "TEST")
	require.NoError(t, err)
	info, err := s.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n, info.State.Msgs)
	seen := map[string]bool{}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		require.NoError(t, err)
		seen[string(m.Data)] = true
	}
	for i := range n {
		require.True(t, seen[fmt.Sprintf("data of %d", i)], i)
	}
}

func putNumbers(t *testing.T, box *Outbox, from, to int) {
	t.Helper()
	var wg sync.WaitGroup
	const writers = 8
	for w := range writers {
		wg.Go(func() {
			for i := from + w; i < to; i += writers {
				require.NoError(t, box.Put(t.Context(), record(fmt.Sprint(i))))
			}
		})
	}
	wg.Wait()
}

func TestBrokerStoresAThousandRecords(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	box, js := realBox(t, b)
	createStream(t, js)
	startDrain(t, box, js)
	putNumbers(t, box, 0, 1000)
	drained(t, box)
	requireStored(t, js, 1000)
	require.Equal(t, Stats{Put: 1000, Sent: 1000}, counts(box))
}

// The broker is killed again and again while records come and go. What it has
// acknowledged it has written, and what is written survives a killed process.
func TestBrokerKilledInMidDrain(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	box, js := realBox(t, b)
	createStream(t, js)
	startDrain(t, box, js)
	const rounds, each = 4, 250
	for round := range rounds {
		target := box.Stats().Sent + each/4
		var wg sync.WaitGroup
		wg.Go(func() { putNumbers(t, box, round*each, (round+1)*each) })
		eventually(t, func() bool { return box.Stats().Sent >= target })
		b.Kill()
		wg.Wait()
		b.Start()
	}
	drained(t, box)
	requireStored(t, js, rounds*each)
	require.Zero(t, box.Stats().Corrupt)
}

func TestBrokerComesAfterTheRecords(t *testing.T) {
	t.Parallel()
	b := jstest.NewBroker(t)
	box, js := realBox(t, b)
	startDrain(t, box, js)
	putNumbers(t, box, 0, 20)
	require.Zero(t, box.Stats().Sent)
	b.Start()
	createStream(t, js)
	drained(t, box)
	requireStored(t, js, 20)
}

func TestStreamComesAfterTheRecords(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	box, js := realBox(t, b, WithBackoff(retry.Backoff{Min: 50 * time.Millisecond, Max: 200 * time.Millisecond, Factor: 2}))
	startDrain(t, box, js)
	putNumbers(t, box, 0, 50)
	eventually(t, func() bool { return box.Stats().Failed > 0 })
	require.Equal(t, 50, box.Stats().Pending)
	createStream(t, js)
	drained(t, box)
	requireStored(t, js, 50)
}

// A broker that hangs answers nothing; the connection notices by its pings.
func TestBrokerThatHangs(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect(append(agentLike(), nats.PingInterval(200*time.Millisecond), nats.MaxPingsOutstanding(2))...)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	createStream(t, js)
	box := openBox(t, t.TempDir(), WithTransport(retry.FromNATS(nc)))
	startDrain(t, box, js)
	putNumbers(t, box, 0, 10)
	drained(t, box)
	b.Pause()
	putNumbers(t, box, 10, 20)
	eventually(t, func() bool { return !nc.IsConnected() })
	b.Resume()
	drained(t, box)
	requireStored(t, js, 20)
}

// A restarted host publishes again what it had not seen acknowledged; the
// broker keeps one copy.
func TestBrokerDropsWhatItHas(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	box, js := realBox(t, b)
	createStream(t, js)
	putNumbers(t, box, 0, 10)
	// Everything is stored, and every acknowledgement is lost.
	_, err := box.Flush(t.Context(), publisherFunc(func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
		_, err := js.PublishMsg(ctx, m)
		require.NoError(t, err)
		return nil, errRefused
	}))
	require.ErrorIs(t, err, errRefused)
	require.NoError(t, box.Close())

	again := openBox(t, box.dir)
	sent, err := again.Flush(t.Context(), js)
	require.NoError(t, err)
	require.Equal(t, 10, sent)
	require.EqualValues(t, 10, again.Stats().Duplicates)
	requireStored(t, js, 10)
}
