package retry_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestDenialsAreHeardBesideTheHandlerOfTheConnection(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, users(`publish: {allow: ["open"]}, subscribe: {allow: ["_INBOX.>"]}`)...)
	own := make(chan error, 10)
	nc := broker.Connect(nats.UserInfo("agent", "a"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { own <- err }))
	transport := retry.FromNATS(nc)
	heard := make(chan retry.Denial, 10)
	stop := transport.(interface {
		OnDenied(func(retry.Denial)) func()
	}).OnDenied(func(d retry.Denial) { heard <- d })

	require.NoError(t, transport.Publish(&nats.Msg{Subject: "shut.a"}))
	d := <-heard
	require.Equal(t, "shut.a", d.Subject)
	require.False(t, d.Subscribe)
	require.ErrorIs(t, d.Err, nats.ErrPermissionViolation)
	require.ErrorIs(t, <-own, nats.ErrPermissionViolation)

	sub, err := transport.Subscribe("shut.*", 1, func(*nats.Msg) {})
	require.NoError(t, err)
	d = <-heard
	require.Equal(t, "shut.*", d.Subject)
	require.True(t, d.Subscribe)
	require.ErrorIs(t, <-own, nats.ErrPermissionViolation)
	require.NoError(t, sub.Stop())

	stop()
	require.NoError(t, transport.Publish(&nats.Msg{Subject: "shut.b"}))
	require.ErrorIs(t, <-own, nats.ErrPermissionViolation)
	require.Empty(t, heard)
	require.NoError(t, nc.FlushTimeout(30*time.Second))
}
