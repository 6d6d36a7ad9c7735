package responder

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A role is given the subject while the connection stands.
func TestARequestIsAnsweredWhenItsSubjectIsAllowed(t *testing.T) {
	t.Parallel()
	broker := denytest.StartBroker(t, "commands.>")
	nc, boss := broker.Agent(), broker.Boss()
	settled, refused := make(chan string, 1), make(chan retry.Denial, 100)
	transport := retry.FromNATS(nc)
	defer transport.(interface {
		OnDenied(h func(retry.Denial)) (stop func())
	}).OnDenied(func(d retry.Denial) { refused <- d })()
	r := &Responder{
		Transport: transport, Subject: subject, Answer: echo, Burst: 100, Every: time.Millisecond,
		Settled: func(subject string) { settled <- subject }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	defer run(t, r)()
	answers := func() bool {
		_, err := boss.Request(subject, []byte("hello"), time.Second)
		return err == nil
	}
	require.Equal(t, subject, (<-refused).Subject) // what is allowed before the responder asks is never settled
	require.False(t, answers())
	broker.Allow("commands.>", subject)
	require.Eventually(t, answers, generous, 10*time.Millisecond)
	require.Equal(t, subject, <-settled)
	require.Zero(t, nc.Stats().Reconnects)
}

// A refusal costs nothing when it is over, and nothing of it outlives Run.
func TestARefusedSubjectLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := denytest.New(jstest.NewFake().Conn(), subject)
		r := &Responder{Transport: conn, Subject: subject, Answer: echo, Burst: 1, Every: time.Hour, Logger: slog.New(slog.DiscardHandler)}
		stop := run(t, r)
		time.Sleep(time.Hour)
		conn.Set(subject, false)
		time.Sleep(2 * time.Minute)
		for range 3 { // the third waits in the handler
			require.NoError(t, conn.Publish(&nats.Msg{Subject: subject, Reply: "_INBOX.1"}))
		}
		synctest.Wait()
		began := time.Now()
		stop()
		require.Zero(t, time.Since(began))
		_, open := conn.Total()
		require.Zero(t, open)
		require.Zero(t, conn.Listeners())
	})
}
