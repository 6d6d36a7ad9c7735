package wire

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"time"
)

// unit is what one of something is worth: seconds or, for the small ones,
// nanoseconds. whole says that a fraction must come out in whole seconds.
type unit struct {
	seconds, nanos uint64
	whole          bool
}

var units = unitTable()

func unitTable() map[string]unit {
	table := make(map[string]unit)
	add := func(u unit, spellings ...string) {
		for _, s := range spellings {
			table[s] = u
		}
	}
	add(unit{nanos: 1}, "ns", "nsec", "nanos")
	add(unit{nanos: 1_000}, "us", "usec", "\u00b5s")
	add(unit{nanos: 1_000_000}, "ms", "msec", "millis")
	add(unit{seconds: 1}, "s", "sec", "secs", "second", "seconds")
	add(unit{seconds: 60}, "m", "min", "mins", "minute", "minutes")
	add(unit{seconds: 3_600, whole: true}, "h", "hr", "hrs", "hour", "hours")
	add(unit{seconds: 86_400, whole: true}, "d", "day", "days")
	add(unit{seconds: 7 * 86_400, whole: true}, "w", "wk", "wks", "week", "weeks")
	add(unit{seconds: monthSeconds, whole: true}, "M", "month", "months")
	add(unit{seconds: yearSeconds, whole: true}, "y", "yr", "yrs", "year", "years")
	return table
}

const (
	monthSeconds = 2_630_016  // 30.44 days
	yearSeconds  = 31_557_600 // 365.25 days
)

var (
	errOverflow = errors.New("too large")
	errInexact  = errors.New("the fraction is finer than the unit allows")
)

// times is n units.
func (u unit) times(n uint64) (span, error) {
	if u.nanos > 0 {
		hi, ns := bits.Mul64(n, u.nanos)
		if hi > 0 {
			return span{}, errOverflow
		}
		return span{ns / nanosPerSecond, ns % nanosPerSecond}, nil
	}
	hi, s := bits.Mul64(n, u.seconds)
	if hi > 0 {
		return span{}, errOverflow
	}
	return span{seconds: s}, nil
}

// fraction is the part of one unit that the digits after a dot stand for.
func (u unit) fraction(decimals string) (span, error) {
	for decimals != "" && decimals[len(decimals)-1] == '0' {
		decimals = decimals[:len(decimals)-1]
	}
	if decimals == "" {
		return span{}, nil
	}
	one := u.nanos
	switch {
	case u.whole:
		one = u.seconds
	case one == 0:
		one = u.seconds * nanosPerSecond
	}
	n, err := scale(decimals, one)
	if err != nil {
		return span{}, err
	}
	if u.whole {
		return span{seconds: n}, nil
	}
	return span{n / nanosPerSecond, n % nanosPerSecond}, nil
}

// scale is 0.decimals of one; it must come out whole.
func scale(decimals string, one uint64) (uint64, error) {
	numerator, err := strconv.ParseUint(decimals, 10, 64)
	if err != nil || len(decimals) > 19 { // 10^19 is the largest power in 64 bits
		return 0, errInexact
	}
	denominator := uint64(1)
	for range len(decimals) {
		denominator *= 10
	}
	hi, lo := bits.Mul64(numerator, one)
	n, remainder := bits.Div64(hi, lo, denominator) // numerator < denominator, so n < one
	if remainder != 0 {
		return 0, errInexact
	}
	return n, nil
}

const nanosPerSecond = 1_000_000_000

// span is a length of time with the wire's range.
type span struct{ seconds, nanos uint64 }

func (s span) plus(t span) (span, error) {
	seconds, carry := bits.Add64(s.seconds, t.seconds, 0)
	nanos := s.nanos + t.nanos
	if nanos >= nanosPerSecond {
		nanos -= nanosPerSecond
		var again uint64
		seconds, again = bits.Add64(seconds, 1, 0)
		carry |= again
	}
	if carry != 0 {
		return span{}, errOverflow
	}
	return span{seconds, nanos}, nil
}

func (s span) duration() time.Duration {
	const most = math.MaxInt64 / nanosPerSecond
	if s.seconds > most || s.seconds == most && s.nanos > math.MaxInt64%nanosPerSecond {
		return math.MaxInt64
	}
	return time.Duration(s.seconds)*time.Second + time.Duration(s.nanos)
}
