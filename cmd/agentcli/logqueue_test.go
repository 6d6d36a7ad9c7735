package agentcli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// gate is a writer that hangs while it is shut, and fails while it is broken.
type gate struct {
	mu     sync.Mutex
	open   *sync.Cond
	shut   bool
	broken error
	text   bytes.Buffer
	writes int
}

func newGate(shut bool) *gate {
	g := &gate{shut: shut}
	g.open = sync.NewCond(&g.mu)
	return g
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut {
		g.open.Wait()
	}
	g.writes++
	if g.broken != nil {
		return 0, g.broken
	}
	return g.text.Write(p)
}

func (g *gate) set(shut bool, broken error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.broken = shut, broken
	g.open.Broadcast()
}

func (g *gate) written() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// queueTo runs a queue until the test ends.
func queueTo(t *testing.T, g *gate) *lineQueue {
	t.Helper()
	q := newLineQueue(g, func(there, all uint64) []byte { return fmt.Appendf(nil, "%d of %d missing\n", there, all) })
	var running sync.WaitGroup
	running.Go(q.run)
	t.Cleanup(func() {
		g.set(false, nil)
		q.end()
		running.Wait()
	})
	return q
}

func say(t *testing.T, q *lineQueue, line string) {
	t.Helper()
	n, err := q.Write([]byte(line + "\n"))
	require.NoError(t, err)
	require.Equal(t, len(line)+1, n)
}

func TestAQueueDoesNotWaitForADiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(true)
		q := queueTo(t, g)
		say(t, q, "first")
		synctest.Wait() // it is being written
		for i := range maxQueuedLines - 1 + 500 {
			say(t, q, fmt.Sprint(i))
		}
		dropped, waiting := q.lost()
		require.EqualValues(t, 500, dropped)
		require.Equal(t, maxQueuedLines, waiting)
		g.set(false, nil)
		synctest.Wait()
		say(t, q, "after")
		synctest.Wait()
		lines := strings.Split(g.written(), "\n")
		require.Equal(t, "first", lines[0])
		require.Equal(t, []string{fmt.Sprint(maxQueuedLines - 2), "500 of 500 missing", "after", ""}, lines[len(lines)-4:])
		require.Len(t, lines, maxQueuedLines+3)
		_, waiting = q.lost()
		require.Zero(t, waiting)
		require.LessOrEqual(t, cap(q.pending), queuePiece, "what the stall has cost is given back")
	})
}

func TestAQueueIsBoundedInBytesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(true)
		q := queueTo(t, g)
		long := strings.Repeat("x", 1<<20-1)
		for range 2 * maxQueuedBytes >> 20 {
			say(t, q, long)
		}
		dropped, waiting := q.lost()
		require.Equal(t, maxQueuedBytes>>20, waiting)
		require.EqualValues(t, maxQueuedBytes>>20, dropped)
		say(t, q, strings.Repeat("y", maxQueuedBytes))
		g.set(false, nil)
		synctest.Wait()
		lines := strings.Split(g.written(), "\n")
		require.Len(t, lines, maxQueuedBytes>>20+2)
		require.Equal(t, []string{"17 of 17 missing", ""}, lines[len(lines)-2:])
		require.Len(t, g.written(), maxQueuedBytes+len("17 of 17 missing\n"))
	})
}

func TestLinesThatAWriterRefusesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(false)
		q := queueTo(t, g)
		g.set(false, errors.New("no space left on device"))
		for range 3 {
			say(t, q, "lost")
			synctest.Wait()
		}
		require.Empty(t, g.written())
		g.set(false, nil)
		say(t, q, "there again")
		synctest.Wait()
		say(t, q, "and on")
		synctest.Wait()
		require.Equal(t, "3 of 3 missing\nthere again\nand on\n", g.written())
		dropped, _ := q.lost()
		require.EqualValues(t, 3, dropped)
	})
}

// Pieces end where lines do, whatever their lengths are.
func TestAQueueWritesPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(true)
		q := queueTo(t, g)
		say(t, q, "first")
		synctest.Wait()
		var want strings.Builder
		want.WriteString("first\n")
		for _, length := range []int{1, queuePiece - 3, 1, queuePiece, queuePiece + 1, 3 * queuePiece, 0, 7} {
			line := strings.Repeat("z", length)
			want.WriteString(line + "\n")
			say(t, q, line)
		}
		g.set(false, nil)
		synctest.Wait()
		require.Equal(t, want.String(), g.written())
		_, waiting := q.lost()
		require.Zero(t, waiting)
		require.Equal(t, 7, g.writes)
	})
}

func TestAFlushWaitsOnceInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(true)
		q := queueTo(t, g)
		require.True(t, q.flush(time.Second), "there is nothing to wait for")
		say(t, q, "a")
		began := time.Now()
		require.False(t, q.flush(time.Second))
		require.Equal(t, time.Second, time.Since(began))
		for range 100 {
			require.False(t, q.flush(time.Second))
		}
		require.Equal(t, time.Second, time.Since(began), "a disk that hangs costs one wait, not one for each line")
		go func() {
			time.Sleep(time.Minute)
			g.set(false, nil)
		}()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		g.set(true, nil)
		say(t, q, "b")
		began = time.Now()
		require.False(t, q.flush(time.Second), "something was written: it waits again")
		require.Equal(t, time.Second, time.Since(began))
		g.set(false, nil)
		synctest.Wait()
		require.True(t, q.flush(time.Second))
	})
}

// An idle queue has no timer: with a clock that nothing moves, all of it sleeps.
func TestAnIdleQueueSleeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(false)
		q := queueTo(t, g)
		say(t, q, "a")
		synctest.Wait()
		time.Sleep(24 * time.Hour)
		require.Equal(t, 1, g.writes)
		dropped, waiting := q.lost()
		require.Zero(t, dropped)
		require.Zero(t, waiting)
	})
}
