package exec

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackgroundChildHoldsPipe(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	running := start(t.Context(), t, native(helperScript("leave", b.address(), "left")), WithDrainGrace(100*time.Millisecond))
	left := b.await("left")[0]
	out := running.outcome()
	require.Equal(t, EndExited, out.End)
	require.Zero(t, out.Code)
	require.True(t, out.Incomplete)
	left.requireAlive()
	left.dismiss()
}

// However short the time is, what was written before the end is there: also when the reader does not come to it in time.
func TestWhatIsInThePipeIsRead(t *testing.T) {
	t.Parallel()
	for range 2 {
		b := newBoard(t)
		running := start(t.Context(), t, native(helperCommand("print", "out", "err")+"\n"+helperScript("leave", b.address(), "left")), WithDrainGrace(0))
		out := running.outcome()
		require.Equal(t, "out", string(out.Stdout))
		require.Equal(t, "err", string(out.Stderr))
		b.await("left")[0].dismiss()
	}
}

// A stream whose reader was too late altogether.
func TestRestOfAStream(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{true, false} {
		s, w, err := openStream(1000, nil)
		require.NoError(t, err)
		_, err = w.WriteString("all of it")
		require.NoError(t, err)
		if closed {
			closeAll(w)
		}
		s.err = os.ErrDeadlineExceeded
		s.readRest()
		require.Equal(t, "all of it", string(s.kept.finish()))
		require.Equal(t, closed, s.err == nil)
		closeAll(s.file, w)
	}
}

func TestBackgroundChildWritesDuringDrain(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	running := start(t.Context(), t, native(helperScript("leave", b.address(), "left")), WithDrainGrace(patience))
	left := b.await("left")[0]
	left.tell("print late")
	left.dismiss()
	out := running.outcome()
	require.Equal(t, "late", string(out.Stdout))
	require.False(t, out.Incomplete)
}

func TestBackgroundChildWithoutPipeSurvives(t *testing.T) {
	t.Parallel()
	backgroundChildSurvives(t)
}

func backgroundChildSurvives(t *testing.T) {
	t.Helper()
	b := newBoard(t)
	running := start(t.Context(), t, native(helperScript("leave-quiet", b.address(), "left")), WithDrainGrace(patience))
	left := b.await("left")[0]
	out := running.outcome()
	require.Zero(t, out.Code)
	require.False(t, out.Incomplete)
	left.requireAlive()
	left.dismiss()
}
