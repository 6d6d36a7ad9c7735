package command

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/outbox"
)

// smallSink has room, or has not.
type smallSink struct {
	*fakeSink
	mu   sync.Mutex
	full error
}

func (s *smallSink) Room() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}

func (s *smallSink) fill(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = err
}

// Put takes all there is: room is about what comes later.
func (s *smallSink) Put(ctx context.Context, r outbox.Record) error { return s.fakeSink.Put(ctx, r) }

func withSmallSink(t *testing.T, test func(*testing.T, *bench, *smallSink)) {
	t.Helper()
	run(t, nil, func(t *testing.T, b *bench) {
		sink := &smallSink{fakeSink: b.sink}
		b.service.admit.sink, b.service.perform.sink = sink, sink
		test(t, b, sink)
	})
}

var errNoRoom = errors.New("box is full")

// Intake is pushed back before a command is accepted: the stream keeps what is
// replayed, and of what is live there may be no other copy.
func TestNothingIsAcceptedWithoutRoomForItsResult(t *testing.T) {
	withSmallSink(t, func(t *testing.T, b *bench, sink *smallSink) {
		sink.fill(errNoRoom)
		b.send(request("replayed"))
		require.Equal(t, []delivery.Settlement{delivery.Nak}, b.settlements())
		data, err := request("live").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Source: delivery.Live}
		time.Sleep(time.Hour)
		require.Zero(t, b.ledger.Counts())
		require.Equal(t, []string{"command_admission_unavailable"}, b.events.observed, "once, on the change")
		sink.fill(nil)
		time.Sleep(time.Minute)
		require.Equal(t, "ran live", b.result("live").Stdout)
		b.send(request("replayed"))
		require.Equal(t, "ran replayed", b.result("replayed").Stdout)
	})
}

func TestNothingStartsWithoutRoomForItsResult(t *testing.T) {
	withSmallSink(t, func(t *testing.T, b *bench, sink *smallSink) {
		for _, id := range []string{"a", "b"} {
			c := request(id)
			c.JitterSecs = 60
			b.send(c)
		}
		sink.fill(errNoRoom)
		time.Sleep(time.Hour)
		require.Empty(t, b.starts())
		b.service.Kill("exec-a")
		synctest.Wait()
		require.EqualValues(t, -1, b.result("a").ExitCode, "what was accepted is answered all the same")
		sink.fill(nil)
		time.Sleep(time.Minute)
		require.Equal(t, "ran b", b.result("b").Stdout)
		require.Equal(t, []string{"b"}, b.starts())
	})
}
