package jstest

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

func TestConformanceOfFake(t *testing.T) {
	t.Parallel()
	RunConformance(t, func(*testing.T) Target {
		f := NewFake()
		return Target{JetStream: f.JetStream(), Transport: f.Conn(), Disconnect: f.Disconnect, Reconnect: f.Reconnect}
	})
}

func TestConformanceOfRealServer(t *testing.T) {
	t.Parallel()
	RunConformance(t, openReal)
}

func openReal(t *testing.T) Target {
	b := StartBroker(t)
	nc := b.Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // drops are part of it
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	transport := retry.FromNATS(nc)
	await := func(want bool) {
		for up, changed := transport.State(); up != want; up, changed = transport.State() {
			<-changed
		}
	}
	return Target{
		JetStream: js, Transport: transport,
		Disconnect: func() { b.Stop(); await(false) },
		Reconnect:  func() { b.Start(); await(true) },
	}
}
