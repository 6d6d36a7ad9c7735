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
			d := delay(attempt)
			require.LessOrEqual(t, d, limit)
			require.LessOrEqual(t, afterCost(attempt), slowMax)
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
// would see in each 100 ms if it were back after the given time; the bounds are on
// the worst of them, and on the last agent.
func TestAFleetDoesNotReturnInLockstep(t *testing.T) {
	t.Parallel()
	const fleet, slot = 5000, 100 * time.Millisecond
	for _, away := range []time.Duration{0, 3 * time.Second, 20 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour} {
		slots := map[time.Duration]int{}
		var latest time.Duration
		for range fleet {
			at := returns(away) - away
			slots[at/slot]++
			latest = max(latest, at)
		}
		worst := 0
		for _, n := range slots {
			worst = max(worst, n)
		}
		t.Logf("away %8v: all of %d back after %6v, at most %4d in %v", away, fleet, latest.Round(time.Millisecond), worst, slot)
		require.Less(t, worst, fleet/4)
		if away <= 10*time.Minute {
			require.LessOrEqual(t, latest, quickMax)
		}
		require.LessOrEqual(t, latest, slowMax)
	}
}

// returns is when an agent reaches a broker that was away for so long; it reached
// nobody before.
func returns(away time.Duration) (at time.Duration) {
	for attempt := 1; ; attempt++ {
		if at += delay(attempt); at >= away {
			return at
		}
	}
}

// The broker is back, and takes some logins in each 100 ms; of those that come on
// top it takes none. What it is spared is in the last column: with pauses as short
// as those of agents that reach nobody it would have to turn away many more.
func TestAFleetThatIsTooLargeSpreadsItsLogins(t *testing.T) {
	t.Parallel()
	const fleet, slot, away = 5000, 100 * time.Millisecond, 2 * time.Minute
	for _, capacity := range []int{1000, 500, 100, 20} {
		last, turnedAway := logins(fleet, capacity, slot, away, true)
		_, unspared := logins(fleet, capacity, slot, away, false)
		t.Logf("%4d logins in %v: all back after %8v, %6d turned away; by the short pauses %6d", capacity, slot, last.Round(slot), turnedAway, unspared)
		ideal := time.Duration(fleet/capacity) * slot
		require.LessOrEqual(t, last, 2*ideal+3*slowMax)
		if ideal > slowMax {
			require.Less(t, turnedAway, unspared*3/4)
		}
	}
}

// logins simulates a fleet that returns, and counts the logins that fail.
func logins(fleet, capacity int, slot, away time.Duration, spared bool) (last time.Duration, turnedAway int) {
	due := map[time.Duration][]int{} // how often each of those who come then has failed
	for range fleet {
		at := (returns(away) - away) / slot
		due[at] = append(due[at], 0)
	}
	for now := time.Duration(0); len(due) > 0; now++ {
		came := due[now]
		delete(due, now)
		if len(came) > 0 {
			last = (now + 1) * slot
		}
		for _, failed := range came[min(capacity, len(came)):] {
			turnedAway++
			pause := delay(100)
			if spared {
				pause = afterCost(failed + 1)
			}
			at := now + max(pause/slot, 1)
			due[at] = append(due[at], failed+1)
		}
	}
	return last, turnedAway
}

// An outage of any length is not paid for once more at its end.
func TestTheFirstFailedLoginIsNotPaidForWithTheOutage(t *testing.T) {
	t.Parallel()
	var p pace
	now := time.Now()
	p.connected(now)
	now = now.Add(time.Hour)
	for round := 1; round < 100; round++ {
		p.delay(round, false, now)
	}
	require.LessOrEqual(t, p.delay(100, true, now), quickMax)
	for round := 101; round < 110; round++ {
		p.delay(round, true, now)
	}
	require.GreaterOrEqual(t, p.delay(110, true, now), slowMax/2)
	p.connected(now)
	now = now.Add(settled)
	p.delay(1, false, now)
	require.LessOrEqual(t, p.delay(2, true, now), quickMax, "the row begins anew")
}
