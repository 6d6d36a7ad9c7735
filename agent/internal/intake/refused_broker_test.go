package intake

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

func TestWhatAReloadGrantsIsTakenUp(t *testing.T) {
	t.Parallel()
	r := denytest.StartBroker(t, "commands.>")
	nc := r.Agent()
	boss := r.Boss()
	out, killed := make(chan delivery.Delivery, 1000), make(chan string, 1000)
	var settled settledSubjects
	live := &Live{
		Transport: retry.FromNATS(nc), PCID: pcID, Groups: newMembership("canary").get, Out: out,
		Kill: func(id string) { killed <- id }, Settled: settled.add, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, live.Subscribe(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = live.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		live.Drain(ctx)
	})
	refused := func(n int) func() bool { return func() bool { return len(live.subs.Refused()) == n } }
	require.Eventually(t, refused(2), generous, time.Millisecond, "both of kill")
	require.NoError(t, boss.Publish(wire.KillSubject("lost"), nil))

	r.Allow("commands.>", "kill.>")
	require.Eventually(t, refused(0), generous, time.Millisecond, "they were not made anew")
	require.Eventually(t, func() bool { return len(settled.all()) == 2 }, generous, time.Millisecond)
	require.ElementsMatch(t, wire.KillFilters(), settled.all())
	require.NoError(t, boss.Publish(wire.KillSubject("a"), nil))
	require.Equal(t, "a", <-killed)

	r.Allow("kill.>") // taken away from subscriptions that stand
	require.Eventually(t, refused(3), generous, time.Millisecond, "all, the host's own and the group's")
	r.Allow("commands.>", "kill.>")
	require.Eventually(t, refused(0), generous, time.Millisecond)
	for _, subject := range []string{wire.CommandsAll(), wire.CommandsPC(pcID), wire.CommandsGroup("canary")} {
		require.NoError(t, boss.Publish(subject, nil))
		require.Equal(t, subject, (<-out).Subject)
	}
	require.Equal(t, uint64(0), nc.Stats().Reconnects)
	require.Eventually(t, func() bool { return nc.NumSubscriptions() == 5 }, generous, time.Millisecond, "one a subject")
}
