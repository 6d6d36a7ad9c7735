package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

var errRefused = errors.New("refused")

// drained waits, without a clock, until the box has nothing pending. In a
// synctest bubble the waiting moves the virtual time on.
func drained(t testing.TB, box *Outbox) {
	t.Helper()
	eventually(t, func() bool { return box.Stats().Pending == 0 })
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, patience, 5*time.Millisecond)
}

// elapse moves the virtual time on and lets everything that is due come to rest.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestDrainWakesOnPut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		var s stream
		startDrain(t, box, &s)
		synctest.Wait()
		before := time.Now()
		put(t, box, "a", "b")
		synctest.Wait()
		require.Equal(t, []string{"data of a", "data of b"}, slices.Sorted(slices.Values(s.data())))
		require.Equal(t, before, time.Now(), "no timer on the way")
		require.Equal(t, Stats{Put: 2, Sent: 2}, counts(box))
	})
}

func TestOrderIsAgeThenName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithWindow(1))
	put(t, box, "d", "b", "c", "a")
	require.NoError(t, box.Close())
	for name, age := range map[string]time.Duration{"d.json": 3 * time.Hour, "a.json": 2 * time.Hour, "b.json": time.Hour} {
		setAge(t, dir, name, age)
	}
	same := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, name := range []string{"b.json", "c.json"} {
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), same, same))
	}
	box = openBox(t, dir, WithWindow(1))
	var s stream
	_, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, []string{"data of d", "data of a", "data of b", "data of c"}, s.data())
}

func TestWindowBoundsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir(), WithWindow(5))
		for i := range 20 {
			put(t, box, fmt.Sprint(i))
		}
		release := make(chan struct{})
		var waiting atomic.Int32
		startDrain(t, box, publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
			waiting.Add(1)
			<-release
			return &jetstream.PubAck{}, nil
		}))
		synctest.Wait()
		require.EqualValues(t, 5, waiting.Load())
		require.Equal(t, 5, box.Stats().InFlight)
		release <- struct{}{}
		synctest.Wait()
		require.EqualValues(t, 6, waiting.Load(), "one has gone, one has followed")
		close(release)
		synctest.Wait()
		require.Zero(t, box.Stats().Pending)
	})
}

func TestLargeRecordsGoOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		for i := range 3 {
			r := record(fmt.Sprint(i))
			r.Data = make([]byte, windowBytes)
			require.NoError(t, box.Put(t.Context(), r))
		}
		release := make(chan struct{})
		startDrain(t, box, publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
			<-release
			return &jetstream.PubAck{}, nil
		}))
		synctest.Wait()
		require.Equal(t, 1, box.Stats().InFlight)
		close(release)
		synctest.Wait()
		require.Zero(t, box.Stats().Pending)
	})
}

// Only an acknowledgement removes a file; each publish has 30 s for it.
func TestFileStaysUntilTheAck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		put(t, box, "a", "b")
		var tries atomic.Int32
		stop := startDrain(t, box, publisherFunc(func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
			tries.Add(1)
			return swallow(ctx, m)
		}))
		elapse(ackWait - time.Second)
		require.EqualValues(t, 2, tries.Load())
		require.Zero(t, box.Stats().Failed)
		elapse(2 * time.Second)
		require.EqualValues(t, 2, box.Stats().Failed)
		elapse(10 * time.Minute)
		require.Greater(t, tries.Load(), int32(4))
		stop()
		require.Equal(t, []string{"a.json", "b.json"}, files(t, dir))
		require.Equal(t, 2, box.Stats().Pending)
	})
}

func TestNeitherAckNorErrorIsAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a")
	_, err := box.Flush(t.Context(), publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
		return nil, nil
	}))
	require.ErrorIs(t, err, errNoAck)
	require.Equal(t, []string{"a.json"}, files(t, dir))
}

func TestDuplicateAckIsADelivery(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a")
	s := stream{seen: map[string]bool{"id-a": true}}
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Empty(t, files(t, dir))
	require.Equal(t, Stats{Put: 1, Sent: 1, Duplicates: 1}, counts(box))
}

func TestHeaderAndMessageID(t *testing.T) {
	t.Parallel()
	box := openBox(t, t.TempDir())
	r := record("a")
	r.Header = nats.Header{"Kind": {"x"}}
	require.NoError(t, box.Put(t.Context(), r))
	require.Len(t, r.Header, 1, "the caller's header is not touched")
	var s stream
	_, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, nats.Header{"Kind": {"x"}, jetstream.MsgIDHeader: {"id-a"}}, s.msgs[0].Header)
	require.Equal(t, "test.records", s.msgs[0].Subject)
}

func TestOneRefusedRecordHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir(), WithWindow(1))
		s := stream{refuse: func(m *nats.Msg) error {
			if string(m.Data) == "data of bad" {
				return errRefused
			}
			return nil
		}}
		put(t, box, "bad")
		startDrain(t, box, &s)
		for i := range 10 {
			put(t, box, fmt.Sprint(i))
		}
		synctest.Wait()
		require.Len(t, s.data(), 10)
		require.Equal(t, 11, s.tried())
		s.setRefuse(nil)
		elapse(2 * time.Second) // the first pause is 1 s ± 25 %
		synctest.Wait()
		require.Len(t, s.data(), 11)
	})
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		put(t, box, "a")
		s := stream{refuse: func(*nats.Msg) error { return errRefused }}
		startDrain(t, box, &s)
		elapse(24 * time.Hour)
		// 1 + 2 + … + 256 s, then one every 300 s, each ± 25 %.
		require.InDelta(t, 9+(86_400-511)/300, s.tried(), 20)
		require.Equal(t, 1, box.Stats().Pending)
	})
}

// A stream that is missing costs little, whatever the backlog, and everything
// goes out when it is there.
func TestMissingStreamNarrowsTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		for i := range 200 {
			put(t, box, fmt.Sprint(i))
		}
		var mu sync.Mutex
		var inFlight, most int
		count := func(change int) {
			mu.Lock()
			defer mu.Unlock()
			inFlight += change
			most = max(most, inFlight)
		}
		var created atomic.Bool
		startDrain(t, box, publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
			count(1)
			defer count(-1)
			time.Sleep(500 * time.Millisecond) // nats.go asks three times
			if !created.Load() {
				return nil, jetstream.ErrNoStreamResponse
			}
			return &jetstream.PubAck{}, nil
		}))
		elapse(5 * time.Second)
		mu.Lock()
		most = 0
		mu.Unlock()
		elapse(time.Minute)
		mu.Lock()
		seen := most
		mu.Unlock()
		require.LessOrEqual(t, seen, narrowest)
		created.Store(true)
		elapse(10 * time.Minute) // the longest pause is 300 s + 25 %
		require.Zero(t, box.Stats().Pending)
	})
}

func TestNothingIsTriedWhileDisconnected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLink(false)
		box := openBox(t, t.TempDir(), WithTransport(l))
		put(t, box, "a", "b")
		var s stream
		startDrain(t, box, &s)
		elapse(time.Hour)
		require.Zero(t, s.tried(), "a publish before the first connect would fail for its header")
		_, err := box.Flush(t.Context(), &s)
		require.ErrorIs(t, err, ErrDraining)
		before := time.Now()
		l.set(true)
		synctest.Wait()
		require.Len(t, s.data(), 2)
		require.Equal(t, before, time.Now())
		require.Zero(t, box.Stats().Failed)
	})
}

// What was under way when the connection went is not a failure and goes out
// again at once when it is back, pauses or not.
func TestReconnectStartsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLink(true)
		box := openBox(t, t.TempDir(), WithTransport(l))
		put(t, box, "hangs", "refused")
		var s stream
		var back atomic.Bool
		startDrain(t, box, publisherFunc(func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
			switch {
			case back.Load():
				return s.PublishMsg(ctx, m)
			case string(m.Data) == "data of refused":
				return nil, errRefused
			default:
				return swallow(ctx, m)
			}
		}))
		elapse(10 * time.Second)
		failed := box.Stats().Failed
		require.NotZero(t, failed)
		l.set(false)
		synctest.Wait()
		require.Zero(t, box.Stats().InFlight)
		elapse(time.Hour)
		back.Store(true)
		before := time.Now()
		l.set(true)
		synctest.Wait()
		require.Len(t, s.data(), 2)
		require.Equal(t, before, time.Now())
		require.Equal(t, failed, box.Stats().Failed, "the lost connection was nobody's failure")
	})
}

func TestBeforeRemove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var mu sync.Mutex
		var events []string
		note := func(event string) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, event)
		}
		failures := 2
		hook := func(_ context.Context, r Record) error {
			require.FileExists(t, filepath.Join(dir, "a.json"))
			require.Equal(t, []byte("data of a"), r.Data)
			require.Equal(t, "a", r.Name)
			require.False(t, r.Queued.IsZero())
			note("hook")
			if failures--; failures >= 0 {
				return errRefused
			}
			return nil
		}
		box := openBox(t, dir, WithBeforeRemove(hook))
		put(t, box, "a")
		startDrain(t, box, publisherFunc(func(context.Context, *nats.Msg) (*jetstream.PubAck, error) {
			note("publish")
			return &jetstream.PubAck{}, nil
		}))
		synctest.Wait()
		require.Equal(t, []string{"a.json"}, files(t, dir), "the hook has refused")
		require.Equal(t, Stats{Pending: 1, Put: 1, Sent: 1, Failed: 1}, counts(box))
		elapse(time.Minute)
		require.Equal(t, []string{"publish", "hook", "hook", "hook"}, events)
		require.Empty(t, files(t, dir))
		require.Zero(t, box.Stats().Pending)
	})
}
