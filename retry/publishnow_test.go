package retry_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

type publisherNow interface {
	PublishNow(m *nats.Msg) error
}

type closer interface{ Closed() <-chan struct{} }

// Ten messages are given while the broker is away; what arrives after the reconnect starts with the eleventh.
func TestPublishNowQueuesNothing(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	nc := broker.Connect()
	transport := retry.FromNATS(nc)
	now, ok := transport.(publisherNow)
	require.True(t, ok)
	sub, err := nc.SubscribeSync(subject)
	require.NoError(t, err)

	broker.Stop()
	requireConnected(t, transport, false)
	for range 10 {
		require.ErrorIs(t, now.PublishNow(message("late")), nats.ErrDisconnected)
	}
	require.ErrorIs(t, now.PublishNow(nil), nats.ErrInvalidMsg)
	broker.Start()
	requireConnected(t, transport, true)
	require.NoError(t, now.PublishNow(message("fresh")))
	got, err := sub.NextMsg(generous)
	require.NoError(t, err)
	require.Equal(t, "fresh", string(got.Data))
}

func TestClosedIsSignalledOnceForGood(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	nc := broker.Connect()
	transport := retry.FromNATS(nc)
	closed := transport.(closer).Closed()
	broker.Restart()
	requireConnected(t, transport, true)
	select {
	case <-closed:
		require.Fail(t, "a lost connection is not a closed one")
	default:
	}
	nc.Close()
	requireSignal(t, closed, "the close")
	requireSignal(t, retry.FromNATS(nc).(closer).Closed(), "the close, seen afterwards")
}
