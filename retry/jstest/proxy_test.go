package jstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func connectThrough(t *testing.T, p *Proxy) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(p.URL(), nats.Timeout(time.Minute), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func TestProxyDelaysBothDirections(t *testing.T) {
	t.Parallel()
	p := StartProxy(t, StartBroker(t).URL())
	nc := connectThrough(t, p)
	p.Delay(100 * time.Millisecond)
	rtt, err := nc.RTT()
	require.NoError(t, err)
	require.GreaterOrEqual(t, rtt, 200*time.Millisecond)
}

func TestProxyFreezeLosesNothing(t *testing.T) {
	t.Parallel()
	p := StartProxy(t, StartBroker(t).URL())
	nc := connectThrough(t, p)
	sub, err := nc.SubscribeSync("s")
	require.NoError(t, err)
	require.NoError(t, nc.FlushTimeout(time.Minute))
	p.Freeze()
	p.Freeze()
	require.NoError(t, nc.Publish("s", []byte("1")))
	require.ErrorIs(t, nc.FlushTimeout(200*time.Millisecond), nats.ErrTimeout)
	require.True(t, nc.IsConnected())
	p.Thaw()
	p.Thaw()
	msg, err := sub.NextMsg(time.Minute)
	require.NoError(t, err)
	require.Equal(t, "1", string(msg.Data))
	require.Zero(t, nc.Stats().Reconnects, "the server has not told its own address")
}

func TestProxyLosesRepliesUntilCut(t *testing.T) {
	t.Parallel()
	b := StartBroker(t)
	direct := b.JetStream()
	stream, err := direct.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	p := StartProxy(t, b.URL())
	nc := connectThrough(t, p)
	p.LoseReplies()
	require.NoError(t, nc.PublishRequest("s", nc.NewInbox(), []byte("x")))
	require.ErrorIs(t, nc.FlushTimeout(200*time.Millisecond), nats.ErrTimeout)
	require.Eventually(t, func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 1
	}, time.Minute, 5*time.Millisecond)
	p.Cut()
	require.Eventually(t, func() bool { return nc.Stats().Reconnects == 1 && nc.FlushTimeout(time.Minute) == nil },
		time.Minute, 5*time.Millisecond)
}

func TestProxyWithoutBrokerCutsUntilThereIsOne(t *testing.T) {
	t.Parallel()
	b := NewBroker(t)
	p := StartProxy(t, b.URL())
	_, err := nats.Connect(p.URL())
	require.Error(t, err)
	b.Start()
	require.NoError(t, connectThrough(t, p).FlushTimeout(time.Minute))
	p.Freeze() // and the test ends all the same
}
