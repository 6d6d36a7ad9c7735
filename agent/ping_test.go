package agent_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A host whose disk hangs is there for whoever asks, and takes no commands.
func TestPingsAreAnsweredWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	asked, release := make(chan struct{}), make(chan struct{})
	a, _ := startAgent(t, newConfig(t, broker.URL()), agent.BeforeOpen(func(name string) error {
		if strings.Contains(filepath.ToSlash(name), "/ledger/") {
			select {
			case <-asked:
			default:
				close(asked)
			}
			<-release
		}
		return nil
	}))
	t.Cleanup(func() { // before the agent is stopped
		select {
		case <-release:
		default:
			close(release)
		}
	})
	<-asked
	pong(t, nc)
	select {
	case <-a.Ready():
		t.Fatal("the ledger is not open")
	default:
	}
	close(release)
	ready(t, a)
	pong(t, nc)
}

// An agent that cannot open its disk ends, the answers to pings with it.
func TestADiskThatFailsEndsTheAnswersToPings(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	failed := errors.New("the disk is gone")
	a, err := agent.New(newConfig(t, broker.URL()), agent.BeforeOpen(func(name string) error {
		if strings.Contains(filepath.ToSlash(name), "/ledger/") {
			return failed
		}
		return nil
	}))
	require.NoError(t, err)
	require.ErrorIs(t, a.Run(t.Context()), failed)
	require.Eventually(t, func() bool { // the broker may not have seen yet that the connection is closed
		_, err := nc.Request(wire.PingSubject(pcID), nil, time.Second)
		return errors.Is(err, nats.ErrNoResponders)
	}, 30*time.Second, 10*time.Millisecond)
}

// pong asks until an answer comes.
func pong(t *testing.T, nc *nats.Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m, err := nc.RequestWithContext(ctx, wire.PingSubject(pcID), nil)
		if err != nil {
			return false
		}
		beat, err := wire.DecodeHeartbeat(m.Data)
		return err == nil && beat.PCID == pcID
	}, 30*time.Second, 10*time.Millisecond)
}

func TestABeatOfNothingIsNothing(t *testing.T) {
	t.Parallel()
	a, err := agent.New(newConfig(t, "nats://127.0.0.1:1"))
	require.NoError(t, err)
	require.Zero(t, a.Beat(0))
	require.Equal(t, -time.Second, a.Beat(-time.Second))
	require.Positive(t, a.Beat(time.Second))
}
