package retry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// lookalikes are messages that nats.go takes for answers of the server: it gives up, and
// with it what it has pulled behind them, each time they come.
var lookalikes = map[string]nats.Header{
	"a bad request":         {"Status": {"400"}},
	"a deleted consumer":    {"Status": {"409"}, "Description": {"Consumer Deleted"}},
	"an unreadable timeout": {"Status": {"408"}, "Nats-Pending-Messages": {"x"}},
	"a heartbeat":           {"Status": {"100"}},
	"a timeout":             {"Status": {"408"}, "Nats-Pending-Messages": {"1000"}},
	"no responders":         {"Status": {"503"}},
	"an unknown conflict":   {"Status": {"409"}, "Description": {"x"}},
}

func TestConsumeLosesNothingBehindAMessageThatLooksLikeAnAnswer(t *testing.T) {
	t.Parallel()
	for name, header := range lookalikes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := jstest.StartBroker(t)
			js := newJetStream(t, b.Connect())
			putStream(t, js, workStream)
			_, err := js.PublishMsg(within(t), &nats.Msg{Subject: "work.a", Header: header})
			require.NoError(t, err)
			putInCluster(t, js, "1")
			putInCluster(t, js, "2")

			cfg, nc := readerConfig, b.Connect()
			cfg.AckWait = 500 * time.Millisecond
			c := consume(t, newJetStream(t, nc), retry.FixedConsumer(cfg), retry.WithTransport(retry.FromNATS(nc)))
			c.await("1")
			c.await("2")
			var asked int64
			var sent, deliveries uint64
			require.Eventually(t, func() bool {
				asked, sent = c.asked.Load(), nc.Stats().OutMsgs // before the deliveries, which go on
				reader, err := js.Consumer(t.Context(), "WORK", "reader")
				if err != nil {
					return false
				}
				deliveries = reader.CachedInfo().Delivered.Consumer
				return deliveries >= 6
			}, generous, 10*time.Millisecond)
			require.LessOrEqual(t, asked, int64(deliveries)+2)
			require.LessOrEqual(t, sent, 12*deliveries)

			stream, err := js.Stream(within(t), "WORK")
			require.NoError(t, err)
			require.NoError(t, stream.DeleteMsg(within(t), 1))
			c.pullsManyAtATime(nc)
		})
	}
}

// pullsManyAtATime waits until messages do not cost a pull each any more.
func (c *tap) pullsManyAtATime(nc *nats.Conn) {
	c.t.Helper()
	js := newJetStream(c.t, nc)
	const messages = 40
	n := 0
	require.Eventually(c.t, func() bool {
		n++
		before := nc.Stats().OutMsgs
		for i := range messages {
			putInCluster(c.t, js, fmt.Sprint(n, " ", i))
		}
		c.await(fmt.Sprint(n, " ", messages-1))
		return nc.Stats().OutMsgs-before < messages*5/2 // each is sent and acked
	}, generous, 100*time.Millisecond)
}
