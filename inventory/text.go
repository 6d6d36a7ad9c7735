package inventory

import (
	"strconv"
	"strings"
	"time"
)

// clean makes text of what may hold anything.
func clean(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
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

// moment is a time as facts have it; nil for none.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC().Truncate(time.Second)
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
