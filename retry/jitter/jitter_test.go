package jitter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jitter"
)

func TestNumbersAreSpreadOverTheirRange(t *testing.T) {
	const draws, parts = 10_000, 10
	var floats, durations [parts]int
	for range draws {
		f, d := jitter.Float64(), jitter.N(time.Minute)
		require.True(t, f >= 0 && f < 1, f)
		require.True(t, d >= 0 && d < time.Minute, d)
		floats[int(f*parts)]++
		durations[d*parts/time.Minute]++
	}
	for n := range parts {
		require.InDelta(t, draws/parts, floats[n], draws/parts/3.0, "part %d", n)
		require.InDelta(t, draws/parts, durations[n], draws/parts/3.0, "part %d", n)
	}
}

func TestAReplacedSourceIsUsedUntilItIsRestored(t *testing.T) {
	next := 0.0
	restore := jitter.Use(func() float64 { return next })
	defer restore()
	for _, c := range []struct {
		draw float64
		want time.Duration
	}{{0, 0}, {0.25, 15 * time.Second}, {1 - 1e-16, time.Minute - 1}} {
		next = c.draw
		require.InDelta(t, c.draw, jitter.Float64(), 0)
		require.Equal(t, c.want, jitter.N(time.Minute))
	}
	inner := jitter.Use(func() float64 { return 0.5 })
	require.InDelta(t, 0.5, jitter.Float64(), 0)
	inner()
	require.InDelta(t, next, jitter.Float64(), 0)
	restore()
	first := jitter.Float64()
	require.NotEqual(t, first, jitter.Float64())
}

func TestNothingOfNothing(t *testing.T) {
	require.Zero(t, jitter.N(0))
	require.Zero(t, jitter.N(-time.Second))
}
