package natskit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDelayIsRandomAndBounded(t *testing.T) {
	t.Parallel()
	for attempt := 1; attempt < 100; attempt++ {
		limit := slowMax
		switch {
		case attempt == 1:
			limit = firstSpread
		case attempt <= quickRounds:
			limit = quickMax
		}
		seen := map[time.Duration]bool{}
		for range 20 {
			d := delay(attempt, false)
			require.LessOrEqual(t, d, limit)
			require.LessOrEqual(t, delay(attempt, true), slowMax)
			seen[d] = true
		}
		require.Greater(t, len(seen), 10, "attempt %d", attempt)
	}
}

func TestTheVeryFirstAttemptIsAtOnce(t *testing.T) {
	t.Parallel()
	var p pace
	require.Zero(t, p.delay(1, false, time.Now()))
	require.GreaterOrEqual(t, p.delay(2, false, time.Now()), firstDelay/2)
}

// A broker that takes the connection and drops it is not dialled at the pace of
// one that was lost after a day.
func TestAConnectionThatDoesNotLastIsAFailure(t *testing.T) {
	t.Parallel()
	var p pace
	now := time.Now()
	for row := range 40 {
		p.connected(now)
		now = now.Add(time.Second)
		d := p.delay(1, false, now)
		if row > 10 {
			require.GreaterOrEqual(t, d, quickMax/2)
		}
	}
	p.connected(now)
	require.Less(t, p.delay(1, false, now.Add(settled)), firstSpread)
}

// Five thousand agents lose their broker in one moment. The table counts what it
// would see in each 100 ms if it were back after the given time; the bound is on
// the worst of them.
func TestAFleetDoesNotReturnInLockstep(t *testing.T) {
	t.Parallel()
	const fleet, slot = 5000, 100 * time.Millisecond
	for _, away := range []time.Duration{0, 3 * time.Second, 20 * time.Second, 10 * time.Minute} {
		slots := map[time.Duration]int{}
		var latest time.Duration
		for range fleet {
			var at time.Duration
			for attempt := 1; ; attempt++ {
				at += delay(attempt, false)
				if at >= away {
					break
				}
			}
			slots[(at-away)/slot]++
			latest = max(latest, at-away)
		}
		worst := 0
		for _, n := range slots {
			worst = max(worst, n)
		}
		t.Logf("away %8v: all of %d back after %6v, at most %4d in %v", away, fleet, latest.Round(time.Millisecond), worst, slot)
		require.Less(t, worst, fleet/4)
		require.LessOrEqual(t, latest, slowMax)
	}
}
