package command

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The fleet spreads one command, and a host spreads its commands.
func TestJitterIsEvenlySpread(t *testing.T) {
	const draws, secs = 20_000, 20
	for name, key := range map[string]func(n int) Key{
		"over hosts":    func(n int) Key { return (&Ledger{pcID: fmt.Sprint("PC-", n)}).KeyOf("r") },
		"over requests": func(n int) Key { return (&Ledger{pcID: "PC-1"}).KeyOf(fmt.Sprint("r-", n)) },
	} {
		var seen [secs]int
		for n := range draws {
			d := jitterOf(key(n), secs)
			require.Zero(t, d%time.Second)
			seen[d/time.Second]++ // panics beyond the range
		}
		for second, n := range seen {
			require.InDelta(t, draws/secs, n, draws/secs/5, "%s: second %d", name, second) // six standard deviations
		}
	}
}

func TestJitterIsTheSameForEveryCopyAndBounded(t *testing.T) {
	l := &Ledger{pcID: "PC-1"}
	first := jitterOf(l.KeyOf("r"), 3600)
	require.Equal(t, first, jitterOf(l.KeyOf("r"), 3600))
	require.Zero(t, jitterOf(l.KeyOf("r"), 0))
	require.Zero(t, jitterOf(l.KeyOf("r"), 1), "the contract's upper end is exclusive")
	most := jitterOf(Key{255, 255, 255, 255, 255, 255, 255, 255}, math.MaxUint64)
	require.Equal(t, time.Duration(maxJitter-1)*time.Second, most)
	require.Zero(t, jitterOf(Key{}, math.MaxUint64))
}
