package exec

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every process of the bomb holds the pipes. If one survived, its output would have no end.
func TestForkBombIsKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	for timeout := time.Millisecond; timeout < 5*time.Second; timeout *= 5 {
		s := native(forkBomb())
		s.Timeout = timeout
		out := run(t, s, WithKillGrace(50*time.Millisecond), WithDrainGrace(patience))
		require.Equal(t, EndTimeout, out.End)
		require.False(t, out.Incomplete)
	}
}

// Several GiB pass through, and none of it has a line end.
func TestTwoGiBOfOutput(t *testing.T) {
	t.Parallel()
	const written int64 = 2 << 30
	s := native(helperScript("flood", strconv.FormatInt(written, 10)))
	s.MaxOutput, s.Tail = 1<<20, NewTail(1000)
	out := run(t, s)
	require.Equal(t, EndExited, out.End)
	require.Zero(t, out.Code)
	require.True(t, out.Truncated)
	require.Less(t, len(out.Stdout), 1<<20+markerRoom)
	require.Contains(t, string(out.Stdout), " of "+strconv.FormatInt(written, 10)+" bytes left out ...]")
	require.Equal(t, written, s.Tail.Snapshot().StdoutTotal)
}

// A kill reaches a run with a staged script, too, wherever it is, and leaves nothing behind.
func TestCancelAtAnyMomentOfAStagedRun(t *testing.T) {
	t.Parallel()
	staging := t.TempDir()
	script := longScript() + "exit 3\n"
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		out, err := NewLocal(WithStagingDir(staging)).Run(ctx, native(script))
		cancel()
		require.NoError(t, err)
		if out.End == EndExited {
			require.Equal(t, 3, out.Code)
		} else {
			require.Equal(t, EndCanceled, out.End)
		}
		requireEmptyDir(t, staging)
	}
}

// Kills of many runs at once, of which each has a tree.
func TestManyAreKilledAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	local := NewLocal(WithKillGrace(time.Second), WithDrainGrace(patience))
	b := newBoard(t)
	names := strings.Fields("a b c d e f g h i j")
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() {
			out, err := local.Run(ctx, native(helperScript("hold", b.address(), names[i])))
			if err != nil || out.End != EndCanceled || out.Incomplete {
				t.Errorf("run %d: %v, %+v", i, err, out)
			}
		})
	}
	peers := b.await(names...)
	cancel()
	all.Wait()
	for _, p := range peers {
		p.requireGone()
	}
}

func TestOutputWithoutNewlines(t *testing.T) {
	t.Parallel()
	out := run(t, native(helperScript("print", strings.Repeat("x", 5000), "y")))
	require.Equal(t, strings.Repeat("x", 5000), string(out.Stdout))
	require.Equal(t, "y", string(out.Stderr))
}
