package telemetry

import (
	"math"
	"time"
)

// minElapsed is the shortest time that a rate is taken over.
const minElapsed = time.Millisecond

// rates returns bytes per second between two measurements. What is in one of them
// only, or went backwards, adds nothing.
func rates(was, is reading[map[string]Bytes]) (in, out *float64) {
	elapsed := is.at.Sub(was.at)
	if was.value == nil || elapsed < minElapsed {
		return nil, nil
	}
	var sum struct{ in, out float64 }
	for name, now := range is.value {
		if before, ok := was.value[name]; ok && now.In >= before.In && now.Out >= before.Out {
			sum.in += float64(now.In - before.In)
			sum.out += float64(now.Out - before.Out)
		}
	}
	return new(sum.in / elapsed.Seconds()), new(sum.out / elapsed.Seconds())
}

// corePercent is how much of one core was used, as the wire has percentages:
// single precision, widened.
func corePercent(used, elapsed time.Duration) float64 {
	if used <= 0 || elapsed <= 0 {
		return 0
	}
	return float64(float32(100 * used.Seconds() / elapsed.Seconds()))
}

// hostPercent is the mean over all cores; nil if no time has passed.
func hostPercent(was, is CPUTime) *float64 {
	total := is.Total - was.Total
	if !(total > 0) {
		return nil
	}
	return new(float64(float32(min(max(100*(is.Busy-was.Busy)/total, 0), 100))))
}

// clamped is n as the wire can hold it.
func clamped(n uint64) *int64 {
	return new(int64(min(n, math.MaxInt64)))
}
