package wire

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// FormatTimestamp writes t as the wire has it: RFC 3339 in UTC with Z and 0, 3,
// 6 or 9 fractional digits, the fewest that lose nothing. A time outside the
// years 0 to 9999 becomes the nearest inside.
func FormatTimestamp(t time.Time) string {
	return string(appendTimestamp(nil, t, 'T', "Z"))
}

// ParseTimestamp reads an RFC 3339 timestamp and returns it in UTC. The offset
// is mandatory. A blank instead of T, one blank before the offset and +0900
// instead of +09:00 are accepted; digits after the ninth of a fraction are
// dropped. Leap seconds, dates that do not exist, years outside 0 to 9999 and
// the zero time are errors that match [ErrInvalid].
func ParseTimestamp(s string) (time.Time, error) {
	t, err := parseTimestamp(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w timestamp %s: %w", ErrInvalid, clip(s), err)
	}
	return t, nil
}

func appendTimestamp(dst []byte, t time.Time, separator byte, zone string) []byte {
	t = inRange(t)
	dst = t.AppendFormat(dst, time.DateOnly)
	dst = append(dst, separator)
	dst = t.AppendFormat(dst, time.TimeOnly)
	dst = appendFraction(dst, t.Nanosecond())
	return append(dst, zone...)
}

func appendFraction(dst []byte, ns int) []byte {
	digits := 9
	switch {
	case ns == 0:
		return dst
	case ns%1_000_000 == 0:
		ns, digits = ns/1_000_000, 3
	case ns%1_000 == 0:
		ns, digits = ns/1_000, 6
	}
	dst = append(dst, '.')
	text := strconv.Itoa(ns)
	for range digits - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

var (
	earliest = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

func inRange(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

// checkTime says why t cannot be written as a timestamp that can be read again.
func checkTime(t time.Time) error {
	switch {
	case t.IsZero():
		return errors.New("it is not set")
	case t.Before(earliest) || t.After(latest):
		return errors.New("outside the years 0 to 9999")
	}
	return nil
}

// The forms of a timestamp are read field by field: the standard library's
// layouts accept a comma, and cannot express the lenient forms.
func parseTimestamp(s string) (time.Time, error) {
	date, ok := numbers(s, "0000-00-00")
	if !ok {
		return time.Time{}, errors.New("no date like 2006-01-02")
	}
	s = s[len("0000-00-00"):]
	if s == "" || s[0] != 'T' && s[0] != 't' && s[0] != ' ' {
		return time.Time{}, errors.New("no T after the date")
	}
	clock, ok := numbers(s[1:], "00:00:00")
	if !ok {
		return time.Time{}, errors.New("no time of day like 15:04:05")
	}
	ns, s, err := fraction(s[1+len("00:00:00"):])
	if err != nil {
		return time.Time{}, err
	}
	ahead, err := offset(s)
	if err != nil {
		return time.Time{}, err
	}
	if err := checkClock(clock); err != nil {
		return time.Time{}, err
	}
	t := time.Date(date[0], time.Month(date[1]), date[2], clock[0], clock[1], clock[2], ns, time.UTC)
	if int(t.Month()) != date[1] || t.Day() != date[2] {
		return time.Time{}, errors.New("no such day")
	}
	t = t.Add(-ahead)
	return t, checkTime(t)
}

func checkClock(clock [3]int) error {
	switch {
	case clock[2] == 60:
		return errors.New("leap seconds are not accepted")
	case clock[0] > 23 || clock[1] > 59 || clock[2] > 59:
		return errors.New("no such time of day")
	}
	return nil
}

// numbers reads up to three numbers from the start of s, which must have digits
// where shape has 0 and shape's bytes elsewhere.
func numbers(s, shape string) (n [3]int, ok bool) {
	if len(s) < len(shape) {
		return n, false
	}
	field := 0
	for i := range len(shape) {
		switch c := s[i]; {
		case shape[i] != '0':
			if c != shape[i] {
				return n, false
			}
			field++
		case c < '0' || c > '9':
			return n, false
		default:
			n[field] = n[field]*10 + int(c-'0')
		}
	}
	return n, true
}

// fraction reads the digits after a dot, if there is one, as nanoseconds.
func fraction(s string) (ns int, rest string, err error) {
	if s == "" || s[0] != '.' {
		return 0, s, nil
	}
	count := digitCount(s[1:])
	if count == 0 {
		return 0, "", errors.New("no digits after the dot")
	}
	for i := range 9 {
		ns *= 10
		if i < count {
			ns += int(s[1+i] - '0')
		}
	}
	return ns, s[1+count:], nil
}

// offset reads how far a clock is ahead of UTC.
func offset(s string) (time.Duration, error) {
	if s != "" && s[0] == ' ' {
		s = s[1:]
	}
	if s == "Z" || s == "z" {
		return 0, nil
	}
	if s == "" {
		return 0, errors.New("no offset: expected Z or +09:00")
	}
	n, ok := offsetNumbers(s[1:])
	if s[0] != '+' && s[0] != '-' || !ok || n[0] > 23 || n[1] > 59 {
		return 0, errors.New("bad offset: expected Z or +09:00")
	}
	ahead := time.Duration(n[0])*time.Hour + time.Duration(n[1])*time.Minute
	if s[0] == '-' {
		ahead = -ahead
	}
	return ahead, nil
}

func offsetNumbers(s string) (n [3]int, ok bool) {
	switch len(s) {
	case len("00:00"):
		return numbers(s, "00:00")
	case len("0000"):
		return numbers(s[:2]+":"+s[2:], "00:00")
	}
	return n, false
}
