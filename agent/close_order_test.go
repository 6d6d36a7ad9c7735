package agent

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// The answers to pings may wait for the lock of an attempt to connect, which ends when
// the connection is closed: so that comes first.
func TestAFailedStartBreaksOffTheDialFirst(t *testing.T) {
	t.Parallel()
	own, err := natskit.Dial(natskit.Options{Servers: []string{"nats://127.0.0.1:1"}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p := &parts{own: own, pings: supervise.NewGroup(t.Context(), slog.Default(), supervise.Task{Run: func(ctx context.Context) error {
		<-ctx.Done()
		for !own.IsClosed() {
			time.Sleep(time.Millisecond)
		}
		return nil
	}})}
	closed := make(chan error, 1)
	go func() { closed <- p.close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		own.Close()
		t.Fatal("the answers to pings wait for a connection that is closed after them")
	}
}
