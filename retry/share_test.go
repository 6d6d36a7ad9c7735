package retry_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

type notifier interface {
	OnDenied(h func(retry.Denial)) (stop func())
}

const lives = 50 // of what is built on one connection

// A program may use its connection for many lives of what is built on it. This test counts goroutines of the whole process,
// so it runs alone.
func TestAConnectionIsFollowedOnceHoweverOftenItIsAdapted(t *testing.T) {
	broker := jstest.StartBroker(t, users(`publish: {allow: ["open"]}`)...)
	own := make(chan int, 100)
	nc := broker.Connect(nats.UserInfo("agent", "a"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) { own <- runtime.Callers(0, make([]uintptr, 1000)) }))
	before := followers(t)
	var deep []int
	for range lives {
		transport := retry.FromNATS(nc)
		heard := make(chan retry.Denial, 10)
		stop := transport.(notifier).OnDenied(func(d retry.Denial) { heard <- d })
		require.NoError(t, transport.Publish(&nats.Msg{Subject: "shut"}))
		require.Equal(t, "shut", (<-heard).Subject)
		deep = append(deep, <-own)
		stop()
		require.Empty(t, heard)
	}
	requireFollowers(t, before+1)
	require.Equal(t, deep[0], deep[lives-1], "handlers that call one another")
	nc.Close()
	requireFollowers(t, before)
}

// Whoever sets an error handler, or puts an old one back, ends the notices for those who hear them, not for those who come
// after.
func TestDenialsAreHeardAgainAfterTheOwnerHasSetAHandler(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, users(`publish: {allow: ["open"]}`)...)
	nc := broker.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	own := make(chan error, 100)
	hear := func(t *testing.T) {
		transport := retry.FromNATS(nc)
		heard := make(chan retry.Denial, 10)
		stop := transport.(notifier).OnDenied(func(d retry.Denial) { heard <- d })
		defer stop()
		require.NoError(t, transport.Publish(&nats.Msg{Subject: "shut"}))
		require.Equal(t, "shut", (<-heard).Subject)
		require.ErrorIs(t, <-own, nats.ErrPermissionViolation)
		require.Empty(t, heard, "once")
	}
	report := func(_ *nats.Conn, _ *nats.Subscription, err error) { own <- err }
	nc.SetErrorHandler(report)
	hear(t)
	ours := nc.ErrorHandler()
	nc.SetErrorHandler(report)
	hear(t)
	nc.SetErrorHandler(ours) // from before
	hear(t)
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) { ours(nc, sub, err) })
	hear(t)
}

func TestAClosedConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	transport := retry.FromNATS(nc)
	require.Same(t, transport, retry.FromNATS(nc))
	require.NotSame(t, transport, retry.FromNATS(broker.Connect()))
	nc.Close()
	<-transport.(interface{ Closed() <-chan struct{} }).Closed()
	requireConnected(t, retry.FromNATS(nc), false)
	var late retry.Transport
	require.Eventually(t, func() bool { late = retry.FromNATS(nc); return late != transport }, generous, time.Millisecond)
	requireConnected(t, late, false)
	<-late.(interface{ Closed() <-chan struct{} }).Closed()
}
