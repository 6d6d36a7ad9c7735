package inventory

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxText bounds one text, in bytes. The longest paths of Linux have as many.
const maxText = 4 << 10

// clean makes text of what may hold anything, cut off where it is too long.
func clean(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	if len(s) > maxText {
		s = strings.TrimRightFunc(s[:maxText], func(r rune) bool { return r == utf8.RuneError }) + "…"
	}
	return strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
}

// first is the first text that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// parse is a whole number, or 0.
func parse(s string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// times is a number of units in bytes or bits; 0 for what no machine has.
func times(n, unit uint64) uint64 {
	high, product := bits.Mul64(n, unit)
	if high != 0 {
		return 0
	}
	return product
}

// moment is a time as facts have it; nil for none, and for those that RFC 3339
// cannot write: files can have such times.
func moment(at time.Time) *time.Time {
	at = at.UTC().Truncate(time.Second)
	if at.IsZero() || at.Year() < 1 || at.Year() > 9999 {
		return nil
	}
	return &at
}

// seconds reads the seconds since 1970; nil for none, or for what is none.
func seconds(s string) *time.Time {
	n := parse(s)
	if n == 0 || n > 1<<40 {
		return nil
	}
	return moment(time.Unix(int64(n), 0))
}

// placeholders are what makers leave in the tables of the firmware.
var placeholders = map[string]bool{
	"to be filled by o.e.m.": true, "default string": true, "not specified": true, "none": true, "system serial number": true,
	"system product name": true, "system manufacturer": true, "no asset tag": true, "not applicable": true, "0123456789": true, "unknown": true,
}

// meant is a text of the firmware that somebody meant.
func meant(value string) string {
	if placeholders[strings.ToLower(value)] {
		return ""
	}
	return value
}
