package retry

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultDelaysDoubleUpToFiveMinutes(t *testing.T) {
	t.Parallel()
	want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300}
	for i, seconds := range want {
		require.Equal(t, seconds*time.Second, DefaultBackoff().Delay(i+1), "attempt %d", i+1)
	}
}

func TestJitterStaysWithinAQuarterAndUsesTheWholeRange(t *testing.T) {
	t.Parallel()
	b := Backoff{Min: 10 * time.Second, Max: 10 * time.Second, Factor: 2, Jitter: 0.25}
	shortest, longest := time.Hour, time.Duration(0)
	for range 1000 {
		d := b.Jittered(1)
		require.GreaterOrEqual(t, d, 7500*time.Millisecond)
		require.LessOrEqual(t, d, 12500*time.Millisecond)
		shortest, longest = min(shortest, d), max(longest, d)
	}
	// 1000 even samples leave a tenth of the range empty with a probability of 0.9^1000, about 1e-46.
	require.Less(t, shortest, 8*time.Second)
	require.Greater(t, longest, 12*time.Second)
}

func TestBackoffBounds(t *testing.T) {
	t.Parallel()
	const most = time.Duration(math.MaxInt64)
	tests := map[string]struct {
		backoff Backoff
		attempt int
		want    time.Duration
	}{
		"zero value, first":          {Backoff{}, 1, time.Second},
		"zero value, grows":          {Backoff{}, 3, 4 * time.Second},
		"zero value, longest":        {Backoff{}, 1000, 300 * time.Second},
		"attempt zero counts as one": {DefaultBackoff(), 0, time.Second},
		"attempt below zero":         {DefaultBackoff(), math.MinInt, time.Second},
		"power beyond float":         {DefaultBackoff(), math.MaxInt, 300 * time.Second},
		"longest below first":        {Backoff{Min: time.Minute, Max: time.Second}, 2, time.Minute},
		"negative longest":           {Backoff{Min: time.Minute, Max: -1}, 2, time.Minute},
		"constant":                   {Backoff{Min: time.Minute, Max: time.Hour, Factor: 1}, 9, time.Minute},
		"shrinking factor":           {Backoff{Min: time.Minute, Max: time.Hour, Factor: 0.5}, 2, 2 * time.Minute},
		"factor not a number":        {Backoff{Min: time.Minute, Max: time.Hour, Factor: math.NaN()}, 2, 2 * time.Minute},
		"infinite factor, first":     {Backoff{Min: time.Minute, Max: time.Hour, Factor: math.Inf(1)}, 1, time.Minute},
		"infinite factor, second":    {Backoff{Min: time.Minute, Max: time.Hour, Factor: math.Inf(1)}, 2, time.Hour},
		"no overflow":                {Backoff{Min: 1, Max: most}, 500, most},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.backoff.Delay(tt.attempt))
		})
	}
}

func TestJitterBounds(t *testing.T) {
	t.Parallel()
	for range 1000 {
		require.Equal(t, time.Second, Backoff{}.Jittered(1), "zero is none")
		require.Equal(t, time.Second, Backoff{Jitter: -1}.Jittered(1))
		require.Equal(t, time.Second, Backoff{Jitter: math.NaN()}.Jittered(1))
		require.GreaterOrEqual(t, Backoff{Jitter: 9}.Jittered(1), time.Duration(0), "cut to the whole pause")
		require.Positive(t, Backoff{Min: math.MaxInt64, Jitter: 1}.Jittered(1), "no overflow")
	}
}
