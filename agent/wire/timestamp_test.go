package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFormatTimestamp(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 9*3600+1800)
	for want, in := range map[string]time.Time{
		"2026-11-22T03:19:46.795731584Z": at(2026, 11, 22, 3, 19, 46, 795_731_584),
		"2031-03-04T05:00:00.500Z":       at(2031, 3, 4, 5, 0, 0, 500_000_000),
		"2031-03-04T05:00:00.123456Z":    at(2031, 3, 4, 5, 0, 0, 123_456_000),
		"2031-03-04T05:00:00.000123Z":    at(2031, 3, 4, 5, 0, 0, 123_000),
		"2031-03-04T05:00:00.001Z":       at(2031, 3, 4, 5, 0, 0, 1_000_000),
		"2031-03-04T05:00:00.000000001Z": at(2031, 3, 4, 5, 0, 0, 1),
		"2031-03-04T05:00:00.123456700Z": at(2031, 3, 4, 5, 0, 0, 123_456_700),
		"2031-03-04T05:00:00Z":           at(2031, 3, 4, 5, 0, 0, 0),
		"2031-03-03T20:30:00Z":           time.Date(2031, 3, 4, 6, 0, 0, 0, zone),
		"0000-01-01T00:00:00Z":           at(-5, 1, 1, 0, 0, 0, 0),
		"9999-12-31T23:59:59.999999999Z": at(12_345, 1, 1, 0, 0, 0, 0),
		"0999-12-31T00:00:00Z":           at(999, 12, 31, 0, 0, 0, 0),
	} {
		require.Equal(t, want, FormatTimestamp(in))
	}
}

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	base := at(2031, 3, 4, 5, 6, 7, 0)
	for s, want := range map[string]time.Time{
		"2031-03-04T05:06:07Z":                                   base,
		"2031-03-04t05:06:07z":                                   base,
		"2031-03-04 05:06:07Z":                                   base,
		"2031-03-04T05:06:07 Z":                                  base,
		"2031-03-04T05:06:07+00:00":                              base,
		"2031-03-04T05:06:07-00:00":                              base,
		"2031-03-04T14:06:07+09:00":                              base,
		"2031-03-04T14:06:07+0900":                               base,
		"2031-03-04 14:06:07 +0900":                              base,
		"2031-03-03T23:36:07-05:30":                              base,
		"2031-03-04T05:06:07.5Z":                                 base.Add(500 * time.Millisecond),
		"2031-03-04T05:06:07.123456789Z":                         base.Add(123_456_789),
		"2031-03-04T05:06:07.1234567899999Z":                     base.Add(123_456_789),
		"2031-03-04T05:06:07.000000000 +00:00":                   base,
		"2028-02-29T00:00:00Z":                                   at(2028, 2, 29, 0, 0, 0, 0),
		"0000-02-29T00:00:00Z":                                   at(0, 2, 29, 0, 0, 0, 0),
		"9999-12-31T23:59:59.999999999Z":                         latest,
		"0001-01-01T00:00:00.000000001Z":                         time.Time{}.Add(1),
		"2031-03-04T05:06:07." + strings.Repeat("0", 1000) + "Z": base,
	} {
		got, err := ParseTimestamp(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
}

func TestParseTimestampRejects(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                               "no date",
		"now":                            "no date",
		"2031-3-4T05:06:07Z":             "no date",
		"+12031-03-04T05:06:07Z":         "no date",
		"-0001-03-04T05:06:07Z":          "no date",
		"12031-03-04T05:06:07Z":          "no date",
		"2031/03/04T05:06:07Z":           "no date",
		"２０31-03-04T05:06:07Z":           "no date",
		"2031-03-04":                     "no T",
		"2031-03-04_05:06:07Z":           "no T",
		"2031-03-04T":                    "no time of day",
		"2031-03-04T05:06Z":              "no time of day",
		"2031-03-04T5:06:07Z":            "no time of day",
		"2031-03-04T05:06:07":            "no offset",
		"2031-03-04T05:06:07 ":           "no offset",
		"2031-03-04T05:06:07.5":          "no offset",
		"2031-03-04T05:06:07.Z":          "no digits after the dot",
		"2031-03-04T05:06:07,5Z":         "bad offset",
		"2031-03-04T05:06:07 UTC":        "bad offset",
		"2031-03-04T05:06:07  Z":         "bad offset",
		"2031-03-04T05:06:07Zx":          "bad offset",
		"2031-03-04T05:06:07Z ":          "bad offset",
		"2031-03-04T05:06:07+09":         "bad offset",
		"2031-03-04T05:06:07+9:00":       "bad offset",
		"2031-03-04T05:06:07+24:00":      "bad offset",
		"2031-03-04T05:06:07+00:60":      "bad offset",
		"2031-03-04T05:06:07\u221209:00": "bad offset",
		"2016-12-31T23:59:60Z":           "leap seconds are not accepted",
		"2031-03-04T24:00:00Z":           "no such time of day",
		"2031-03-04T05:60:00Z":           "no such time of day",
		"2031-03-04T05:00:61Z":           "no such time of day",
		"2031-02-29T00:00:00Z":           "no such day",
		"2031-04-31T00:00:00Z":           "no such day",
		"2031-13-01T00:00:00Z":           "no such day",
		"2031-00-01T00:00:00Z":           "no such day",
		"2031-01-00T00:00:00Z":           "no such day",
		"0001-01-01T00:00:00Z":           "it is not set",
		"0001-01-01T09:00:00+09:00":      "it is not set",
		"0000-01-01T00:00:00+00:01":      "outside the years 0 to 9999",
		"9999-12-31T23:59:59-00:01":      "outside the years 0 to 9999",
	} {
		_, err := ParseTimestamp(s)
		require.ErrorIs(t, err, ErrInvalid, s)
		require.ErrorContains(t, err, want, s)
	}
}
