package health_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/retry"
)

// clock is a clock that is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)} }

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func changed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestAWaitHasABeginningAndAnEnd(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := health.NewBoard(c.read)
	began := c.read()
	b.Problem("stream EXEC", jetstream.ErrStreamNotFound)
	later := c.forward(time.Minute)
	b.Problem("stream EXEC", fmt.Errorf("look: %w", nats.ErrTimeout))
	require.Equal(t, []health.Resource{{
		Name: "stream EXEC", Waiting: began, Attempts: 2, Error: "look: nats: timeout", Reason: health.NoAnswer, Failed: later,
	}}, b.Resources())

	fine := c.forward(time.Minute)
	b.Fine("stream EXEC")
	c.forward(time.Minute)
	b.Fine("stream EXEC")
	require.Equal(t, []health.Resource{{
		Name: "stream EXEC", Error: "look: nats: timeout", Reason: health.NoAnswer, Failed: later, Fine: fine,
	}}, b.Resources(), "the last error stays, the wait is over")

	again := c.forward(time.Minute)
	b.Problem("stream EXEC", errors.New("gone"))
	require.Equal(t, []health.Resource{{Name: "stream EXEC", Waiting: again, Attempts: 1, Error: "gone", Failed: again}}, b.Resources())
	b.Forget("stream EXEC")
	b.Forget("unknown")
	require.Empty(t, b.Resources())
}

func TestANoteIsNoWait(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := health.NewBoard(c.read)
	b.Note("subscription to $KV.x", nats.ErrPermissionViolation)
	require.Equal(t, []health.Resource{{
		Name: "subscription to $KV.x", Error: nats.ErrPermissionViolation.Error(), Reason: health.Denied, Failed: c.read(),
	}}, b.Resources())
}

func TestWhatIsWaitedForComesFirstTheLongestWaitBeforeAll(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := health.NewBoard(c.read)
	b.Fine("b")
	b.Fine("a")
	for _, name := range []string{"z", "y"} {
		b.Problem(name, errors.New("no"))
		c.forward(time.Second)
	}
	var order []string
	for _, r := range b.Resources() {
		order = append(order, r.Name)
	}
	require.Equal(t, []string{"z", "y", "a", "b"}, order)
}

func TestChangedIsClosedOnceForEachChange(t *testing.T) {
	t.Parallel()
	b := health.NewBoard(newClock().read)
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"new problem", func() { b.Problem("x", errors.New("no")) }, true},
		{"the same again", func() { b.Problem("x", errors.New("no")) }, false},
		{"another error", func() { b.Problem("x", errors.New("never")) }, true},
		{"fine", func() { b.Fine("x") }, true},
		{"still fine", func() { b.Fine("x") }, false},
		{"note", func() { b.Note("x", errors.New("hm")) }, true},
		{"the same note", func() { b.Note("x", errors.New("hm")) }, false},
		{"forgotten", func() { b.Forget("x") }, true},
		{"forgotten already", func() { b.Forget("x") }, false},
	} {
		ch := b.Changed()
		step.do()
		require.Equal(t, step.want, changed(ch), step.name)
	}
}

func TestTheBoardIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := health.NewBoard(c.read)
	b.Fine("oldest")
	for i := range health.MaxResources - 1 {
		c.forward(time.Second)
		b.Fine(fmt.Sprint("fine ", i))
	}
	b.Problem("new", errors.New("no"))
	all := b.Resources()
	require.Len(t, all, health.MaxResources)
	require.Equal(t, "new", all[0].Name)
	for _, r := range all {
		require.NotEqual(t, "oldest", r.Name)
	}
	for i := range health.MaxResources {
		b.Problem(fmt.Sprint("missing ", i), errors.New("no"))
	}
	require.Len(t, b.Resources(), health.MaxResources)
	require.EqualValues(t, 1, b.Missed(), "what is waited for is never pushed out")
	b.Problem(strings.Repeat("long", 1000), errors.New("no"))
	require.EqualValues(t, 2, b.Missed())
}

func TestManyReportAtOnce(t *testing.T) {
	t.Parallel()
	b := health.NewBoard(time.Now)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 200 {
				name := fmt.Sprint(i % (n + 1))
				b.Problem(name, errors.New("no"))
				_ = b.Resources()
				_ = b.Changed()
				b.Fine(name)
			}
		})
	}
	all.Wait()
	for _, r := range b.Resources() {
		require.Zero(t, r.Waiting)
		require.NotZero(t, r.Fine)
	}
}

// What retry tells is enough: failures, and the success that ends them.
func TestTheBoardHearsOfAWaitAndOfItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard(time.Now)
		began := time.Now()
		var there atomic.Bool
		done := make(chan error, 1)
		go func() {
			_, err := retry.Forever(t.Context(), "bucket agent_config", func(context.Context) (int, error) {
				if !there.Load() {
					return 0, jetstream.ErrBucketNotFound
				}
				return 1, nil
			}, b.Option())
			done <- err
		}()
		time.Sleep(10 * time.Minute)
		r := b.Resources()
		require.Len(t, r, 1)
		require.Equal(t, began, r[0].Waiting)
		require.Greater(t, r[0].Attempts, 5)
		require.Equal(t, health.Missing, r[0].Reason)
		there.Store(true)
		require.NoError(t, <-done)
		r = b.Resources()
		require.Zero(t, r[0].Waiting)
		require.Equal(t, time.Now(), r[0].Fine)
		require.Equal(t, "nats: bucket not found", r[0].Error)
	})
}
