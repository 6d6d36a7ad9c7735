package retry

import (
	"math"
	"time"

	"github.com/kanade-go/kanade/retry/jitter"
)

// Backoff says how long to pause after each failed attempt: Min after the first, then Factor times longer each time, at
// most Max, and each pause varied by Jitter so that many hosts do not try in step.
//
// Fields that make no sense take the default: a Min that is not positive counts as 1 s, a Max of zero as 300 s, a Factor
// below 1 as 2. A Max below Min counts as Min. Jitter is cut to 0 … 1; zero means none. So Backoff{} is 1, 2, 4 … 256, 300 s
// without jitter.
type Backoff struct {
	Min, Max time.Duration // first and longest pause
	Factor   float64       // growth per attempt; 1 keeps the pause constant
	Jitter   float64       // share of the pause that chance adds or takes away: 0.25 is ±25 %
}

// DefaultBackoff is 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 … s, each ±25 %.
func DefaultBackoff() Backoff {
	return Backoff{Min: time.Second, Max: 300 * time.Second, Factor: 2, Jitter: 0.25}
}

// Delay is the pause after the given failed attempt, without jitter. Attempts count from 1; anything lower counts as 1.
func (b Backoff) Delay(attempt int) time.Duration {
	b = b.normal()
	d := float64(b.Min) * math.Pow(b.Factor, float64(max(attempt, 1)-1))
	if d >= float64(b.Max) { // also when the power has run to infinity
		return b.Max
	}
	return time.Duration(d)
}

// Jittered is Delay varied evenly by ±Jitter. It may pass Max by that share.
func (b Backoff) Jittered(attempt int) time.Duration {
	b = b.normal()
	d := float64(b.Delay(attempt)) * (1 + b.Jitter*(2*jitter.Float64()-1))
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}

func (b Backoff) normal() Backoff {
	def := DefaultBackoff()
	if b.Min <= 0 {
		b.Min = def.Min
	}
	if b.Max == 0 {
		b.Max = def.Max
	}
	b.Max = max(b.Max, b.Min)
	if !(b.Factor >= 1) { // written so that NaN is caught too
		b.Factor = def.Factor
	}
	if !(b.Jitter > 0) {
		b.Jitter = 0
	}
	b.Jitter = min(b.Jitter, 1)
	return b
}
