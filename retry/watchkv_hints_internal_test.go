package retry

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHintsOfEndlessKeysTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	box, pace := newHintBox(), hintPace{dirty: map[string]int{}}
	for i := range 10_000 {
		box.put(fmt.Sprint(i))
		require.LessOrEqual(t, len(box.keys), maxHintedKeys+1)
		if i%7 == 0 {
			hints, _ := box.take()
			pace.note(hints)
			require.LessOrEqual(t, len(pace.dirty), maxHintedKeys)
		}
	}
	_, all := pace.begin(time.Now())
	require.True(t, all)
}
