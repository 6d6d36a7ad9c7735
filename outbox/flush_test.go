package outbox

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestFlushNeedsAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLink(false)
		box := openBox(t, t.TempDir(), WithTransport(l))
		sent, err := box.Flush(t.Context(), &stream{})
		require.NoError(t, err, "nothing to do")
		require.Zero(t, sent)
		put(t, box, "a")
		_, err = box.Flush(t.Context(), &stream{})
		require.ErrorIs(t, err, ErrNotConnected)
		l.set(true)
		result := make(chan error)
		go func() {
			_, err := box.Flush(t.Context(), publisherFunc(swallow))
			result <- err
		}()
		synctest.Wait()
		l.set(false)
		require.ErrorIs(t, <-result, ErrNotConnected)
		require.Zero(t, box.Stats().Failed)
		require.Equal(t, 1, box.Stats().Pending)
	})
}

func TestFlushIsOnePass(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithWindow(2))
	put(t, box, "a", "b", "bad", "c", "worse")
	s := stream{refuse: func(m *nats.Msg) error {
		if len(m.Data) > len("data of x") {
			return errRefused
		}
		return nil
	}}
	for pass := range 3 {
		sent, err := box.Flush(t.Context(), &s)
		require.ErrorIs(t, err, errRefused)
		require.ErrorContains(t, err, "2 records not delivered")
		require.Equal(t, []int{3, 0, 0}[pass], sent)
		require.Equal(t, 5+2*pass, s.tried(), "each once a pass, pause or not")
	}
	require.Equal(t, []string{"bad.json", "worse.json"}, files(t, dir))
}

func TestFlushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		put(t, box, "a")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := box.Flush(ctx, publisherFunc(swallow))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, box.Stats().Pending)
	})
}

func TestFlushWhilePutsGoOn(t *testing.T) {
	t.Parallel()
	box := openBox(t, t.TempDir())
	put(t, box, "first")
	n := 0
	sent, err := box.Flush(t.Context(), publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
		n++
		put(t, box, fmt.Sprint(n)) // one more comes with each that goes
		return &jetstream.PubAck{}, nil
	}))
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Equal(t, 1, box.Stats().Pending)
}
