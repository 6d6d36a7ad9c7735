package wire

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const (
		week  = 7 * 24 * time.Hour
		month = 2_630_016 * time.Second
		year  = 31_557_600 * time.Second
	)
	for s, want := range map[string]time.Duration{
		"2h 37min": 9420 * time.Second,
		"1d":       24 * time.Hour,
		"4.2s":     4200 * time.Millisecond,
		"1.5 h":    90 * time.Minute,
		"1h30m":    90 * time.Minute,
		"3 0s":     30 * time.Second,
		"1M":       month,
		"1m":       time.Minute,
		"500ms":    500 * time.Millisecond,

		"0": 0, "0s": 0, "000s": 0, "0.0h": 0,
		" 1s": time.Second, "1s ": time.Second, "1 s": time.Second, "1s1s": 2 * time.Second, "\t1\u00a0s\n": time.Second,
		"1ns 1us 1ms 1s 1m 1h 1d 1w 1M 1y": time.Nanosecond + time.Microsecond + time.Millisecond + time.Second +
			time.Minute + time.Hour + 24*time.Hour + week + month + year,
		"1ns": 1, "1nsec": 1, "1nanos": 1,
		"1us": 1000, "1usec": 1000, "1µs": 1000,
		"1ms": time.Millisecond, "1msec": time.Millisecond, "1millis": time.Millisecond,
		"1sec": time.Second, "2secs": 2 * time.Second, "1second": time.Second, "2seconds": 2 * time.Second,
		"1min": time.Minute, "2mins": 2 * time.Minute, "1minute": time.Minute, "2minutes": 2 * time.Minute,
		"1h": time.Hour, "1hr": time.Hour, "2hrs": 2 * time.Hour, "1hour": time.Hour, "2hours": 2 * time.Hour,
		"1day": 24 * time.Hour, "2days": 48 * time.Hour,
		"1w": week, "1wk": week, "2wks": 2 * week, "1week": week, "2weeks": 2 * week,
		"1month": month, "2months": 2 * month,
		"1yr": year, "2yrs": 2 * year, "1year": year, "2years": 2 * year,

		"1.5us": 1500, "0.000001ms": 1, "0.000000001s": 1, "0.5m": 30 * time.Second, "1.0s": time.Second,
		"1.25d": 30 * time.Hour, "1 . 5 h": 90 * time.Minute, "0.5M": 1_315_008 * time.Second,
		"1.50000000000000000000000000h": 90 * time.Minute,

		"18446744073709551615ns":  math.MaxInt64, // 584 years
		"9223372036854775807ns":   math.MaxInt64,
		"9223372036854775806ns":   math.MaxInt64 - 1,
		"9223372036s 854775808ns": math.MaxInt64,
		"1000years":               math.MaxInt64,
		"18446744073709551615s":   math.MaxInt64,
		"584542046090years 7months 15days 17h 5m 3s 999ms 999us 999ns": math.MaxInt64,
	} {
		got, err := ParseDuration(s)
		require.NoError(t, err, "%q", s)
		require.Equal(t, want, got, "%q", s)
	}
}

func TestParseDurationRejects(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                                      "it is empty",
		"  ":                                    "it is empty",
		"30":                                    "expected a unit",
		"00":                                    "expected a unit",
		" 0":                                    "expected a unit",
		"-5s":                                   "expected a number",
		"+5s":                                   "expected a number",
		"5 minutes ago":                         "expected a number",
		"1d 2":                                  "expected a unit",
		"s":                                     "expected a number",
		".5s":                                   "expected a number",
		"1.s":                                   "expected a digit after the dot",
		"1..5s":                                 "expected a digit after the dot",
		"1.5.5s":                                "unknown unit",
		"1,5s":                                  "unknown unit",
		"1S":                                    `unknown unit "S"`,
		"1 H":                                   "unknown unit",
		"1m in":                                 "expected a number",
		"1μs":                                   "unknown unit", // the Greek letter
		"1e3s":                                  "unknown unit",
		"0x1s":                                  "unknown unit",
		"1_000s":                                "unknown unit",
		"notaduration":                          "expected a number",
		"0.5ns":                                 "the fraction is finer",
		"0.0001us":                              "the fraction is finer",
		"0.0000000001s":                         "the fraction is finer",
		"0.0001h":                               "the fraction is finer",
		"0.33333d":                              "the fraction is finer",
		"1.00000000000000000001s":               "the fraction is finer",
		"0." + strings.Repeat("0", 69) + "1s":   "the fraction is finer",
		"18446744073709551616s":                 "too large",
		"18446744073709552us":                   "too large", // 2^64 ns is the limit of the small units
		"18446744073709551615m":                 "too large",
		"584542046091years":                     "too large",
		"18446744073709551615s 1s":              "too large",
		"18446744073709551615s 999999999ns 1ns": "too large",
		"1s\xff":                                "unknown unit",
		"1" + strings.Repeat("x", 99):           `xxxx"...`,
	} {
		_, err := ParseDuration(s)
		require.ErrorIs(t, err, ErrInvalid, "%q", s)
		require.ErrorContains(t, err, want, "%q", s)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                                       "0s",
		-time.Hour:                              "0s",
		1:                                       "1ns",
		300 * time.Second:                       "5m",
		90_061*time.Second + 5*time.Millisecond: "1day 1h 1m 1s 5ms",
		48 * time.Hour:                          "2days",
		time.Hour + 2*time.Minute + 3*time.Second + 45_000_000:                "1h 2m 3s 45ms",
		2*31_557_600*time.Second + 2_630_016*time.Second + 1_002_003:          "2years 1month 1ms 2us 3ns",
		31_557_600*time.Second + 5*2_630_016*time.Second + 86_400_000_000_000: "1year 5months 1day",
		math.MaxInt64: "292years 3months 7days 16h 6m 28s 854ms 775us 807ns",
	} {
		require.Equal(t, want, FormatDuration(d))
	}
}
