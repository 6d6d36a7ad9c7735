package natskit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Who waits for a place has to know that. The broker hangs up before the login, which
// would look like a broken line.
func TestABrokerWithTooManyConnectionsIsTold(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(`max_connections: 1`))
	other := dial(t, Options{Servers: []string{broker.URL()}})
	requireConnected(t, other)
	var log logtest.Buffer
	nc := dial(t, Options{Servers: []string{broker.URL()}, Logger: textLog(&log)})
	require.Eventually(t, func() bool {
		err := nc.LastFailure()
		return err != nil && strings.Contains(err.Error(), "maximum connections exceeded")
	}, patience, time.Millisecond, log.String())
	other.Close()
	requireConnected(t, nc)
}
