package jstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

func TestReconfigureCountsFromTheNextStart(t *testing.T) {
	t.Parallel()
	const token = `authorization { token: "second" }`
	broker := jstest.StartBroker(t)
	broker.Connect()
	broker.Stop()
	broker.Reconfigure(jstest.WithConfig(token))
	broker.Start()
	_, err := nats.Connect(broker.URL(), nats.Timeout(10*time.Second))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	broker.Connect(nats.Token("second"))
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 20 {
		port := jstest.FreePort(t)
		require.False(t, seen[port])
		seen[port] = true
	}
}
