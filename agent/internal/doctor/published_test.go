package doctor

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Nobody at the broker notices a doctor: what it publishes is requests to the
// server alone, and neither streams nor the consumer of the agent move.
func TestNothingIsPublishedThatIsData(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := b.JetStream()
	everything(t, js)
	ctx := t.Context()
	consumer, err := js.CreateConsumer(ctx, wire.StreamExec, jetstream.ConsumerConfig{
		Durable: wire.ReplayConsumer("pc-1"), AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: wire.ReplayFilters("pc-1", nil),
	})
	require.NoError(t, err)
	for range 2 {
		_, err = js.Publish(ctx, wire.CommandsPC("pc-1"), []byte("one"))
		require.NoError(t, err)
		_, err = js.Publish(ctx, wire.CommandsAll(), []byte("two"))
		require.NoError(t, err)
	}
	pulled, err := consumer.Fetch(1)
	require.NoError(t, err)
	require.NotNil(t, <-pulled.Messages(), "one message is in flight")
	before := states(t, js)

	var mu sync.Mutex
	var heard []string
	tap := b.Connect()
	_, err = tap.Subscribe(">", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, m.Subject)
	})
	require.NoError(t, err)
	require.NoError(t, tap.Flush())
	require.Empty(t, at(Fail, onlyBroker(ctx, configFor(t, b.URL()))))
	require.NoError(t, tap.Flush())

	require.Equal(t, before, states(t, js))
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, heard)
	for _, subject := range heard {
		server := slices.ContainsFunc([]string{"$JS.API.", "$JS.ACK.", "$JS.EVENT.ADVISORY.API", "$SYS.REQ.USER.INFO", "_INBOX."}, func(prefix string) bool {
			return strings.HasPrefix(subject, prefix)
		})
		require.True(t, server, subject)
		require.NotContains(t, subject, "PURGE")
	}
}

// states is everything that a stream and its consumers say of themselves, but for
// the time of the answer.
func states(t *testing.T, js jetstream.JetStream) (all []any) {
	for info := range js.ListStreams(t.Context()).Info() {
		all = append(all, info.State.Msgs, info.State.LastSeq, info.State.Consumers)
		s, err := js.Stream(t.Context(), info.Config.Name)
		require.NoError(t, err)
		for c := range s.ListConsumers(t.Context()).Info() {
			all = append(all, c.Name, c.Config.AckWait, c.Delivered.Consumer, c.Delivered.Stream, c.AckFloor.Stream, c.NumAckPending, c.NumRedelivered, c.NumPending, c.NumWaiting)
		}
	}
	return all
}
