package agent

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSimulationReplays holds what makes a failure worth its seed: the same seed
// is the same history, up to the first time that the agent itself throws dice
// for a jitter. A few may differ: select picks at random among cases that are
// ready at the same instant, and under the race detector so does the scheduler.
func TestSimulationReplays(t *testing.T) {
	const seeds, mayDiffer = 60, 3
	oneAtATime(t)
	dir := t.TempDir()
	differ := 0
	for seed := range int64(seeds) {
		a, b := simulate(t, seed, dir), simulate(t, seed, dir)
		x, y := a.story(b.chance), b.story(a.chance)
		if slices.Equal(x, y) {
			continue
		}
		differ++
		t.Logf("seed %d, first difference: %s", seed, firstDifference(x, y))
	}
	require.LessOrEqual(t, differ, mayDiffer)
}

func firstDifference(x, y []string) string {
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + " | " + y[i]
		}
	}
	return "one goes on"
}

// story is the trace, without logs, until chance came in here or in the other
// history; 0: never.
func (s *sim) story(chance time.Duration) []string {
	until := time.Duration(math.MaxInt64)
	for _, at := range []time.Duration{s.chance, chance} {
		if at > 0 {
			until = min(until, at)
		}
	}
	var lines []string
	for _, e := range s.trace {
		if e.log == nil && e.at < until {
			lines = append(lines, fmt.Sprint(e.at, " ", e.text))
		}
	}
	return lines
}
