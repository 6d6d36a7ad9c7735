package agent

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A connection that was brought along sleeps with the host too.
func TestEveryConnectionProvesItselfAfterASleep(t *testing.T) {
	t.Parallel()
	a := &Agent{log: slog.New(slog.DiscardHandler)}
	transport := jstest.NewFake().Conn()
	link := natskit.NewLink(transport, nil)
	watched := func(p *parts) bool {
		return slices.ContainsFunc(a.connectionTasks(p), func(t supervise.Task) bool { return t.Name == watchTask })
	}
	own, err := natskit.Dial(natskit.Options{Servers: []string{"nats://127.0.0.1:1"}})
	require.NoError(t, err)
	defer own.Close()
	require.True(t, watched(&parts{own: own, link: link}))
	require.True(t, watched(&parts{borrowed: natskit.Borrow(jstest.StartBroker(t, jstest.WithoutJetStream()).Connect()), link: link}))
	require.False(t, watched(&parts{transport: transport, link: link}), "there is nothing to redial")
}
