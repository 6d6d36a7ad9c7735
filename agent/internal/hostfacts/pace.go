package hostfacts

import (
	"hash/fnv"
	"time"
)

const (
	day = 24 * time.Hour
	// fullAtLeast is how long after a full set the daily one may come.
	fullAtLeast = 12 * time.Hour
	// bootSlack is how far two readings of the same boot may differ: it is derived
	// from a clock that is set now and then.
	bootSlack = 2 * time.Minute
	// clockSlack is how far in the future a time on disk may lie. Beyond, the clock
	// was set back and the time means nothing.
	clockSlack = time.Hour
)

// phase is a host's place within a span: the same each time, another one for most
// other hosts.
func phase(pcID string, span time.Duration) time.Duration {
	if span <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(pcID)) // never fails
	return time.Duration(mixed(h.Sum64()) % uint64(span))
}

// mixed spreads sums of names that differ in their last character only over the
// whole range.
func mixed(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// following is the first time after t that is the host's phase of a span.
func following(t time.Time, pcID string, every time.Duration) time.Time {
	if every <= 0 {
		return t
	}
	start := t.Truncate(every).Add(phase(pcID, every))
	for !start.After(t) {
		start = start.Add(every)
	}
	return start.UTC()
}

// fullDue: nothing was published yet, the host has booted since, or a day is over.
// A boot that is not known is the zero time.
func (m memory) fullDue(now, booted time.Time) bool {
	switch {
	case m.FullAt.IsZero(), m.FullAt.After(now.Add(clockSlack)):
		return true
	case !booted.IsZero() && booted.Sub(m.BootedAt).Abs() > bootSlack:
		return true
	}
	return !now.Before(following(m.FullAt.Add(fullAtLeast), m.PCID, day))
}
