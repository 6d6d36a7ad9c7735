package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// Ready must not be closed before the subscriptions are there: a command that is
// sent then has nobody who hears it.
func TestReadyComesAfterTheSubscriptions(t *testing.T) {
	fake := jstest.NewFake()
	var a *agent.Agent
	var early atomic.Bool
	w := watchedTransport{Transport: fake.Conn(), subscribing: func() {
		select {
		case <-a.Ready():
			early.Store(true)
		case <-time.After(250 * time.Millisecond): // long for the agent, never too long for a correct one
		}
	}}
	cfg := newConfig(t, "")
	cfg.Servers = nil
	log := slog.New(slog.DiscardHandler)
	a, err := agent.New(cfg, agent.WithTransport(w, fake.JetStream()), agent.WithLogger(log))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	ready(t, a)
	cancel()
	require.NoError(t, <-ended)
	require.False(t, early.Load(), "ready while a subscription was still missing")
}

// Status is promised to be safe at any time; run with -race.
func TestStatusWhileTheAgentSubscribes(t *testing.T) {
	fake := jstest.NewFake()
	var a *agent.Agent
	w := watchedTransport{Transport: fake.Conn(), subscribing: func() { time.Sleep(5 * time.Millisecond) }}
	cfg := newConfig(t, "")
	cfg.Servers = nil
	a, err := agent.New(cfg, agent.WithTransport(w, fake.JetStream()), agent.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	for range 2000 {
		_ = a.Status()
		select {
		case <-a.Ready():
		case <-time.After(50 * time.Microsecond):
		}
	}
	cancel()
	require.NoError(t, <-ended)
}

// A broker that is frozen while results go out must not hold up the stop beyond
// the 20 s of a service manager: the client writes for up to a minute
// (nats.FlusherTimeout) with its lock held.
func TestAFrozenBrokerDoesNotHoldUpTheStop(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	a, stop := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	gate := filepath.Join(t.TempDir(), "gate")
	const n = 120
	for i := range n {
		b.send(sh(fmt.Sprintf("r-%d", i), "while ! [ -e "+gate+" ]; do sleep 0.1; done; head -c 250000 /dev/zero | tr '\\0' x; head -c 250000 /dev/zero | tr '\\0' x >&2"))
	}
	require.Eventually(t, func() bool { return a.Status().Commands.Running > 0 && a.Status().Commands.Received >= n }, patience, time.Millisecond)
	broker.Pause()
	t.Cleanup(broker.Resume)
	require.NoError(t, os.WriteFile(gate, nil, 0o600))
	require.Eventually(t, func() bool { return a.Status().Results.Pending >= n }, patience, 10*time.Millisecond)
	time.Sleep(time.Second)
	began := time.Now()
	stop()
	t.Logf("stop took %v", time.Since(began))
	require.Less(t, time.Since(began), 20*time.Second)
}

// A script that ignores SIGTERM, and whose child keeps stdout, takes 5 + 2 s to
// be ended by package exec; endGrace is 6 s. Its result must be there all the
// same, as -1, not as 121 after the next start.
func TestAStubbornScriptHasItsResultAtTheStop(t *testing.T) {
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	cfg.Grace = 0
	a, stop := startAgent(t, cfg)
	ready(t, a)
	b.send(sh("r", "trap '' TERM; setsid sleep 30 & while :; do sleep 0.2; done"))
	require.Eventually(t, func() bool { return a.Status().Commands.Running == 1 }, patience, time.Millisecond)
	time.Sleep(500 * time.Millisecond) // the trap is set
	began := time.Now()
	stop()
	t.Logf("stop took %v after a grace of 0", time.Since(began))
	require.Len(t, b.results("r"), 1, "the result of an orderly stop is lost; the next start says 121")
	require.EqualValues(t, -1, b.results("r")[0].ExitCode)
}
