package inventory

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// filetimeEpoch is 1970 in FILETIME: intervals of 100 ns since 1601.
const filetimeEpoch = 116_444_736_000_000_000

// filetime is the moment of a FILETIME; nil for none.
func filetime(ticks uint64) *time.Time {
	if ticks < filetimeEpoch || ticks > 1<<62 {
		return nil
	}
	ticks -= filetimeEpoch
	return moment(time.Unix(int64(ticks/10_000_000), 0))
}

// cimTime reads 20241113101112.000000+060, whose end is the offset in minutes.
func cimTime(s string) *time.Time {
	if len(s) != 25 {
		return nil
	}
	at, err := time.Parse("20060102150405", s[:14])
	minutes, errOffset := strconv.Atoi(s[21:])
	if err != nil || errOffset != nil {
		return nil
	}
	return moment(at.Add(-time.Duration(minutes) * time.Minute))
}

// installDate reads the day of an installation, as installers and WMI write it:
// 20241113, 11/13/2024, 13.11.2024, 2024-11-13, the seconds since 1970, or a
// FILETIME in hex. With slashes the month is first, unless it cannot be one. nil
// for what is none of these.
func installDate(s string) *time.Time {
	s = clean(s)
	if len(s) == 16 {
		if ticks, err := strconv.ParseUint(s, 16, 64); err == nil {
			return filetime(ticks)
		}
	}
	s, _, _ = strings.Cut(s, " ") // a time of the day
	n := parse(s)
	switch {
	case n >= 19000101 && n <= 99991231:
		return day(n/10000, n/100%100, n%100)
	case n > 0:
		return within(seconds(s))
	case strings.Contains(s, "/"):
		return dayOf(strings.Split(s, "/"), false)
	case strings.Contains(s, "."):
		return dayOf(strings.Split(strings.TrimSuffix(s, "."), "."), true)
	}
	return dayOf(strings.Split(s, "-"), true)
}

func dayOf(parts []string, dayFirst bool) *time.Time {
	if len(parts) != 3 {
		return nil
	}
	a, b, c := parse(parts[0]), parse(parts[1]), parse(parts[2])
	switch {
	case a > 31:
		return day(a, b, c)
	case dayFirst || a > 12:
		return day(c, b, a)
	}
	return day(c, a, b)
}

func day(year, month, dayOfMonth uint64) *time.Time {
	if month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > 31 || year > 9999 {
		return nil
	}
	at := time.Date(int(year), time.Month(month), int(dayOfMonth), 0, 0, 0, 0, time.UTC)
	if at.Day() != int(dayOfMonth) {
		return nil // the 31st of June
	}
	return within(&at)
}

// within drops what is before Windows or in another calendar.
func within(at *time.Time) *time.Time {
	if at == nil || at.Year() < 1990 || at.Year() > 2200 {
		return nil
	}
	return at
}

// dateTime reads a moment in UTC as Windows Update writes it: 2024-11-13 10:11:12.
func dateTime(s string) *time.Time {
	at, err := time.Parse(time.DateTime, s)
	if err != nil {
		return nil
	}
	return moment(at)
}

// logonTime is in WTSINFO of wtsapi32.h, behind counters and names.
func logonTime(info []byte) *time.Time {
	const at = 200
	if len(info) < at+8 {
		return nil
	}
	return filetime(binary.LittleEndian.Uint64(info[at:]))
}
