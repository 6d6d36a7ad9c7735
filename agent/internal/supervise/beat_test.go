package supervise_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

func TestThePartsOfAnAgentMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		beat := supervise.NewBeat()
		time.Sleep(beat.Until(time.Minute))
		for n := range 120 {
			for _, every := range []time.Duration{10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute} {
				left := every - time.Duration(n)*time.Second%every
				require.Equal(t, left, beat.Until(every), "%s after %d s", every, n)
				require.Equal(t, left, beat.After(time.Now(), every))
			}
			time.Sleep(time.Second)
		}
	})
}

func TestTheAgentsOfAFleetDoNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const agents, every = 600, time.Minute
		var seconds [60]int
		for range agents {
			wait := supervise.NewBeat().Until(every)
			require.True(t, wait > 0 && wait <= every, wait)
			seconds[int((wait-1)/time.Second)]++
		}
		for second, n := range seconds {
			require.Less(t, n, agents/10, "in second %d", second)
		}
	})
}

func TestWithoutABeatAWaitIsAWholeOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Minute, supervise.Beat{}.Until(time.Minute))
}
