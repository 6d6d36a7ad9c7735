package command

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// countedSink counts how often it is asked for room.
type countedSink struct {
	*smallSink
	asked atomic.Int64
}

func (s *countedSink) Room() error {
	s.asked.Add(1)
	return s.smallSink.Room()
}

// However many commands wait for room, they cost little.
func TestManyCommandsThatWaitForRoomAreTriedSeldom(t *testing.T) {
	const waiting = 4_000
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		var batch []Admission
		for i := range waiting {
			data, err := request(strconv.Itoa(i)).Encode()
			require.NoError(t, err)
			batch = append(batch, admission(b.ledger, strconv.Itoa(i), string(data)))
		}
		require.NoError(t, b.ledger.Record(batch))
		sink := &countedSink{smallSink: &smallSink{fakeSink: b.sink, full: errNoRoom}}
		b.service.perform.sink = sink
		for _, a := range batch {
			b.service.queue.push(a.Key, time.Time{}, 1)
		}
		synctest.Wait()
		require.LessOrEqual(t, sink.asked.Load(), int64(waiting))
		before := sink.asked.Load()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.LessOrEqual(t, sink.asked.Load()-before, int64(36_000), "in a minute")
		b.stop()
	})
}

// Those that are decided about together ask together.
func TestCommandsThatAreDueTogetherAskForRoomOnce(t *testing.T) {
	withSmallSink(t, func(t *testing.T, b *bench, small *smallSink) {
		sink := &countedSink{smallSink: small}
		b.service.perform.sink = sink
		b.service.perform.quick.Store(true)
		group := make([]*candidate, lookahead)
		for i := range group {
			data, err := request(strconv.Itoa(i)).Encode()
			require.NoError(t, err)
			a := admission(b.ledger, strconv.Itoa(i), string(data))
			require.NoError(t, b.ledger.Record([]Admission{a}))
			group[i] = newCandidate(item{key: a.Key, attempt: 1})
		}
		b.service.perform.prepare(t.Context(), t.Context(), group)
		require.EqualValues(t, 1, sink.asked.Load())
		for _, r := range group {
			require.True(t, r.marked)
		}
	})
}

// What a stop lets go of is told once, with its number.
func TestAStopTellsHowManyLiveCommandsItLetGo(t *testing.T) {
	var told bytes.Buffer
	withSmallSink(t, func(t *testing.T, b *bench, sink *smallSink) {
		b.service.admit.log = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelWarn}))
		sink.fill(errNoRoom)
		var live []byte
		for i := range 3 {
			data, err := request(strconv.Itoa(i)).Encode()
			require.NoError(t, err)
			live = data
			go func() { b.in <- delivery.Delivery{Data: data, Source: delivery.Live} }()
		}
		synctest.Wait()
		go func() { b.in <- delivery.Delivery{Data: live, Source: delivery.Replay} }()
		synctest.Wait()
		b.cancel()
		time.Sleep(time.Minute)
	})
	require.Equal(t, 1, strings.Count(told.String(), "live commands were let go"), told.String())
	require.Contains(t, told.String(), "level=WARN")
	require.Contains(t, told.String(), "commands=3")
}
