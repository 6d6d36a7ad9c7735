package exec

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Someone who looks sees the end of the output, while it goes on.
func TestTailOfARun(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tail := &Tail{}
	require.Equal(t, TailSnapshot{}, tail.Snapshot())
	s := native(helperScript("hold", b.address(), "child"))
	s.Tail = tail
	running := start(ctx, t, s)
	child := b.await("child")[0]
	child.tell("print so far")
	require.Eventually(t, func() bool { return string(tail.Snapshot().Stdout) == "so far" }, patience, 5*time.Millisecond)
	child.tell("print , and on")
	require.Eventually(t, func() bool { return tail.Snapshot().StdoutTotal == 14 }, patience, 5*time.Millisecond)
	child.tell("exit 0")
	require.Equal(t, "so far, and on", string(running.outcome().Stdout))
	require.Equal(t, "so far, and on", string(tail.Snapshot().Stdout)) // stays
	require.Zero(t, tail.Snapshot().StderrTotal)
}

// The tail is not bound by what the run keeps, and counts what neither of them keeps.
func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	const written = 3 << 20
	for _, limit := range []int{-1, 0, 1000} {
		tail := NewTail(limit)
		want := limit
		if limit <= 0 {
			want = DefaultTail
		}
		s := native(helperScript("spew", fmt.Sprint(written)))
		s.Tail, s.MaxOutput = tail, 16
		out := run(t, s)
		require.True(t, out.Truncated)
		got := tail.Snapshot()
		require.Len(t, got.Stdout, want)
		require.Len(t, got.Stderr, want)
		require.Equal(t, int64(written), got.StdoutTotal)
		require.Equal(t, int64(written), got.StderrTotal)
		require.True(t, bytes.HasSuffix(got.Stdout, []byte("0123456789abcdef")))
		require.LessOrEqual(t, cap(tail.stdout.kept.buf), want+markerRoom)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		limit := 1 + random.IntN(300)
		tail := NewTail(limit)
		out, _ := tail.streams()
		var all []byte
		for range random.IntN(20) {
			p := []byte(strings.Repeat("aä日🙂", random.IntN(60)))
			p = p[:random.IntN(len(p)+1)]
			out.write(p)
			all = append(all, p...)
			got := tail.Snapshot()
			require.True(t, utf8.Valid(got.Stdout))
			require.Equal(t, int64(len(all)), got.StdoutTotal)
			if utf8.Valid(all) {
				require.True(t, bytes.HasSuffix(all, got.Stdout))
				require.Greater(t, len(got.Stdout), min(limit, len(all))-utf8.UTFMax)
			}
		}
	}
}

// Any number may look and write at once.
func TestTailIsShared(t *testing.T) {
	t.Parallel()
	tail := NewTail(100)
	s := native(helperScript("spew", "300000"))
	s.Tail = tail
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if _, err := NewLocal().Run(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			for tail.Snapshot().StderrTotal < 600_000 && t.Context().Err() == nil {
				if len(tail.Snapshot().Stdout) > 100 {
					t.Error("too much")
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, int64(600_000), tail.Snapshot().StdoutTotal)
}
