package agent_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// watchedTransport lets a test look at the moment of a subscription.
type watchedTransport struct {
	retry.Transport
	subscribing func()
}

func (w watchedTransport) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	if strings.HasPrefix(subject, "commands.") || strings.HasPrefix(subject, "kill.") {
		w.subscribing()
	}
	return w.Transport.Subscribe(subject, pending, h)
}

// startWatched runs an agent over a fake broker and calls subscribing at each of
// its subscriptions.
func startWatched(t *testing.T, subscribing func(*agent.Agent)) (a *agent.Agent, stop func()) {
	t.Helper()
	fake := jstest.NewFake()
	w := watchedTransport{Transport: fake.Conn(), subscribing: func() { subscribing(a) }}
	cfg := newConfig(t, "")
	cfg.Servers = nil
	a, err := agent.New(cfg, agent.WithTransport(w, fake.JetStream()), agent.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	return a, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// Ready must not be closed before the subscriptions are there: a command that is
// sent then has nobody who hears it.
func TestReadyComesAfterTheSubscriptions(t *testing.T) {
	var early atomic.Bool
	a, stop := startWatched(t, func(a *agent.Agent) {
		select {
		case <-a.Ready():
			early.Store(true)
		case <-time.After(250 * time.Millisecond): // long for the agent, never too long for a correct one
		}
	})
	ready(t, a)
	stop()
	require.False(t, early.Load(), "ready while a subscription was still missing")
}

// Status is promised to be safe at any time; run with -race.
func TestStatusWhileTheAgentSubscribes(t *testing.T) {
	a, stop := startWatched(t, func(*agent.Agent) { time.Sleep(5 * time.Millisecond) })
	for range 2000 {
		_ = a.Status()
		select {
		case <-a.Ready():
		case <-time.After(50 * time.Microsecond):
		}
	}
	stop()
}
