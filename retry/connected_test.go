package retry_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The options of the package documentation are enough for a broker that does not know the credentials for a while.
func TestAConnectionAsDocumentedOutlivesRefusedCredentials(t *testing.T) {
	t.Parallel()
	login := func(password string) jstest.BrokerOption {
		return jstest.WithConfig(`authorization { users: [{user: agent, password: "` + password + `"}] }`)
	}
	broker := jstest.StartBroker(t, login("one"))
	var password atomic.Value
	password.Store("one")
	var refused atomic.Int64
	nc, err := nats.Connect(broker.URL(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.UserInfoHandler(func() (string, string) { return "agent", password.Load().(string) }),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if strings.Contains(strings.ToLower(err.Error()), "authorization") {
				refused.Add(1)
			}
		}))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	kv, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "b", Storage: jetstream.FileStorage})
	require.NoError(t, err)
	put := func(value string) {
		_, err := kv.PutString(within(t), "k", value)
		require.NoError(t, err)
	}
	put("1")
	ctx, cancel := context.WithCancel(t.Context())
	var value atomic.Value
	value.Store("")
	ended := make(chan error, 1)
	go func() {
		ended <- retry.WatchKV(ctx, retry.NewKVReader(retry.FromNATS(nc)), "b", retry.FixedKeys("k"), func(v retry.View) {
			value.Store(string(v.Entries["k"].Value))
		})
	}()
	const patience = time.Minute
	require.Eventually(t, func() bool { return value.Load() == "1" }, patience, time.Millisecond)

	broker.Stop()
	broker.Reconfigure(login("two"))
	broker.Start()
	require.Eventually(t, func() bool { return refused.Load() > 3 || nc.IsClosed() }, patience, time.Millisecond)
	require.False(t, nc.IsClosed())
	password.Store("two")
	require.Eventually(t, nc.IsConnected, patience, time.Millisecond)
	put("2")
	require.Eventually(t, func() bool { return value.Load() == "2" }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
