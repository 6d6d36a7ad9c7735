package wire

import (
	"fmt"
	"strconv"
	"time"
)

// ParseDuration reads a duration such as "1h 30m", "1.5h" or "0": numbers with a
// unit, added up; blanks may stand between and inside. A month is 30.44 days, a
// year 365.25. What does not fit a [time.Duration] but is below 2^64 seconds
// becomes the largest one. Everything else is an error that matches
// [ErrInvalid].
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	p := durationParser{rest: s}
	if err := p.parse(); err != nil {
		return 0, fmt.Errorf("%w duration %s: %w", ErrInvalid, clip(s), err)
	}
	return p.total.duration(), nil
}

// FormatDuration writes d in units from years to nanoseconds, without the zero
// ones: "1day 1h 1m 1s 5ms". Zero, and anything below, is "0s". [ParseDuration]
// reads it back.
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	seconds, ns := uint64(d/time.Second), uint64(d%time.Second)
	var out []byte
	part := func(n uint64, name, plural string) {
		if n == 0 {
			return
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(strconv.AppendUint(out, n, 10), name...)
		if n > 1 {
			out = append(out, plural...)
		}
	}
	part(seconds/yearSeconds, "year", "s")
	seconds %= yearSeconds
	part(seconds/monthSeconds, "month", "s")
	seconds %= monthSeconds
	part(seconds/86_400, "day", "s")
	part(seconds%86_400/3_600, "h", "")
	part(seconds%3_600/60, "m", "")
	part(seconds%60, "s", "")
	part(ns/1_000_000, "ms", "")
	part(ns/1_000%1_000, "us", "")
	part(ns%1_000, "ns", "")
	return string(out)
}
