package cron

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	found, err := time.Parse(time.DateTime, text)
	require.NoError(t, err)
	return found
}

// The vectors of the wire contract, and more of each kind.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, from, next string }{
		{"*/15 * * * * *", "2026-01-01 00:00:07", "2026-01-01 00:00:15"},
		{"5/20 * * * * *", "2026-01-01 00:00:00", "2026-01-01 00:00:05"},
		{"5/20 * * * * *", "2026-01-01 00:00:05", "2026-01-01 00:00:25"},
		{"5/20 * * * * *", "2026-01-01 00:00:25", "2026-01-01 00:00:45"},
		{"5/20 * * * * *", "2026-01-01 00:00:45", "2026-01-01 00:01:05"},
		{"0 30 9 * * MON-FRI", "2026-01-01 00:00:00", "2026-01-01 09:30:00"},
		{"0 0 12 13 * FRI", "2026-01-01 00:00:00", "2026-02-13 12:00:00"},
		{"0 0 0 L * *", "2026-01-01 00:00:00", "2026-01-31 00:00:00"},
		{"0 0 9 * * 1#2", "2026-01-01 00:00:00", "2026-01-12 09:00:00"},
		{"0 0 9 * * 5L", "2026-01-01 00:00:00", "2026-01-30 09:00:00"},
		{"0 0 9 17W * *", "2026-01-01 00:00:00", "2026-01-16 09:00:00"},
		{"0 0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"},
		{"*/15 * * * * *", "2026-01-01 00:00:15", "2026-01-01 00:00:30"},
		{"0 0 0 * * MON-SUN", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
		{"0 0 0 ? * fri", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
		{"0 0 0 * * 5#L", "2026-01-01 00:00:00", "2026-01-30 00:00:00"},
		{"0 0 0 1 1 * 2030", "2026-01-01 00:00:00", "2030-01-01 00:00:00"},
		{"@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
		{"@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},

		{"@Hourly", "2026-01-01 00:00:00", "2026-01-01 01:00:00"},
		{"@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
		{"@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
		{" @annually ", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
		{"\t0  0 0 1\t* * ", "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
		{"0 0 0 * jan,Dec *", "2026-01-31 00:00:00", "2026-12-01 00:00:00"},
		{"0 0 0 1 FEB-apr/2 *", "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
		{"0 0 0 1 FEB-apr/2 *", "2026-02-01 00:00:00", "2026-04-01 00:00:00"},
		{"0 0 0 * * 0", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
		{"0 0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
		{"0 0 0 * * SUN", "2026-01-01 00:00:00", "2026-01-04 00:00:00"},
		{"0 0 0 * * +FRI", "2026-01-01 00:00:00", "2026-01-02 00:00:00"},
		{"0 0 0 * * SAT-SUN", "2026-01-01 00:00:00", "2026-01-03 00:00:00"},
		{"0 0 0 * * SAT-SUN", "2026-01-03 00:00:00", "2026-01-04 00:00:00"},
		{"0 0 0 * * sunL", "2026-01-01 00:00:00", "2026-01-25 00:00:00"},
		{"0 0 0 * * 7#1", "2026-01-04 00:00:00", "2026-02-01 00:00:00"},
		{"0 0 0 * * MON#5", "2026-01-01 00:00:00", "2026-03-30 00:00:00"},
		{"0 0 0 * * 1#1,3#L,FRI", "2026-01-02 00:00:00", "2026-01-05 00:00:00"},
		{"0 0 0 31W * *", "2026-02-01 00:00:00", "2026-03-31 00:00:00"},  // no 31st in February
		{"0 0 0 31W 5 *", "2026-01-01 00:00:00", "2026-05-29 00:00:00"},  // a Sunday that ends a month
		{"0 0 0 1W 8 *", "2026-01-01 00:00:00", "2026-08-03 00:00:00"},   // a Saturday that begins one
		{"0 0 0 15W 11 *", "2026-01-01 00:00:00", "2026-11-16 00:00:00"}, // a Sunday inside
		{"0 0 0 L,15,1W 2 *", "2026-02-15 00:00:00", "2026-02-28 00:00:00"},
		{"0 0 0 L 2 *", "2028-01-01 00:00:00", "2028-02-29 00:00:00"},
		{"0 0 0 L * FRI", "2026-01-01 00:00:00", "2026-07-31 00:00:00"},
		{"0 0 0 1 1 * 2027-2031/2", "2027-01-01 00:00:00", "2029-01-01 00:00:00"},
		{"0 0 0 1 1 * */1000", "2026-01-01 00:00:00", "3001-01-01 00:00:00"},
		{"59 59 23 31 12 *", "2026-12-31 23:59:58", "2026-12-31 23:59:59"},
		{"0 0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"}, // 2100 has none
		{"*/100 * * * * *", "2026-01-01 00:00:07", "2026-01-01 00:01:00"},
		{"09 08 07 * * *", "2026-01-01 00:00:00", "2026-01-01 07:08:09"},
	} {
		s, err := Parse(c.cron)
		require.NoError(t, err, c.cron)
		next, ok := s.Next(at(t, c.from))
		require.True(t, ok, c.cron)
		require.Equal(t, c.next, next.Format(time.DateTime), "%s after %s", c.cron, c.from)
		require.Equal(t, time.UTC, next.Location())
		for _, later := range []time.Duration{0, 1, time.Second - 1} {
			last, ok := s.Last(next.Add(later))
			require.True(t, ok, c.cron)
			require.Equal(t, next, last, c.cron)
		}
		if last, ok := s.Last(next.Add(-1)); ok {
			require.False(t, last.After(at(t, c.from)), "%s: %s is between", c.cron, last)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                             "0 fields",
		"*/2 * * * *":                  "5 fields",
		"* * * * * * * *":              "8 fields",
		"60 * * * * *":                 "second: 60 is not between 0 and 59",
		"* 60 * * * *":                 "minute: 60",
		"* * 24 * * *":                 "hour: 24",
		"* * * 0 * *":                  "day of month: 0",
		"* * * 32 * *":                 "day of month: 32",
		"* * * * 0 *":                  "month: 0",
		"* * * * 13 *":                 "month: 13",
		"* * * * * 8":                  "day of week: 8",
		"* * * * * * 0":                "year: 0",
		"* * * * * * 5001":             "year: 5001",
		"*/0 * * * * *":                "a step of 0",
		"*/ * * * * *":                 "a number is missing",
		"*/-1 * * * * *":               `"-1" is no number`,
		"/5 * * * * *":                 "a number is missing",
		"*-5 * * * * *":                `"*" is no number`,
		"1-2-3 * * * * *":              `"2-3" is no number`,
		"5-1 * * * * *":                "ends before it begins",
		"0 0 0 * * FRI-MON":            "ends before it begins",
		"0 0 0 * NOV-FEB *":            "ends before it begins",
		"1,,2 * * * * *":               "a number is missing",
		", * * * * *":                  "a number is missing",
		"+1 * * * * *":                 `"+1" is no number`,
		"1.5 * * * * *":                "is no number",
		"1000000000 * * * * *":         "is no number",
		"MON * * * * *":                "is no number",
		"? * * * * *":                  "is no number",
		"* * * * ? *":                  "is no number",
		"L * * * * *":                  "is no number",
		"* * * L-3 * *":                "is no number",
		"* * * LW * *":                 "is no number",
		"* * * W * *":                  "a number is missing",
		"* * * 1-5W * *":               "is no number",
		"* * * 32W * *":                "32 is not between",
		"* * * * * L":                  "a number is missing",
		"* * * * * 1#":                 "a number is missing",
		"* * * * * 1#0":                "expected #1 to #5",
		"* * * * * 1#6":                "expected #1 to #5",
		"* * * * * 1-5#2":              "is no number",
		"* * * * * MONDAY":             "is no number",
		"* * * * * ++1":                "is no number",
		"@reboot":                      "unknown nickname",
		"@daily *":                     "2 fields",
		"１ * * * * *":                  "is no number",
		strings.Repeat("* ", 600):      "1200 bytes",
		strings.Repeat("9", 99) + " *": "2 fields",
	} {
		s, err := Parse(text)
		require.ErrorIs(t, err, ErrSyntax, "%q", text)
		require.ErrorContains(t, err, says, "%q", text)
		require.Equal(t, Schedule{}, s)
		require.Less(t, len(err.Error()), 300)
	}
}

func TestWhatNeverComes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0 0 0 30 2 *", "0 0 0 31 4,6,9,11 *", "0 0 0 1-7 * MON#3", "0 0 0 1 1 * 2020"} {
		s, err := Parse(text)
		require.NoError(t, err)
		_, ok := s.Next(at(t, "2026-01-01 00:00:00"))
		require.False(t, ok, text)
	}
	var zero Schedule
	_, ok := zero.Next(time.Time{})
	require.False(t, ok)
	_, ok = zero.Last(time.Unix(1<<40, 0))
	require.False(t, ok)
}

func TestTheEndsOfTime(t *testing.T) {
	t.Parallel()
	every, err := Parse("* * * * * *")
	require.NoError(t, err)
	_, ok := every.Next(at(t, "5000-01-01 00:00:00").AddDate(1, 0, 0))
	require.False(t, ok)
	last, ok := every.Last(time.Unix(1<<40, 0))
	require.True(t, ok)
	require.Equal(t, "5000-12-31 23:59:59", last.Format(time.DateTime))
	next, ok := every.Next(time.Date(-5, 3, 3, 3, 3, 3, 0, time.UTC))
	require.True(t, ok)
	require.Equal(t, time.Time{}, next)
	_, ok = every.Last(time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC))
	require.False(t, ok)
}

// A zone of the time that is asked for changes nothing: the answer is in UTC, over
// every change of the clocks.
func TestTheZoneOfTheHostDoesNotMatter(t *testing.T) {
	t.Parallel()
	s, err := Parse("0 30 */2 * * *")
	require.NoError(t, err)
	for _, name := range []string{"America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for day := at(t, "2026-01-01 00:00:00"); day.Year() == 2026; day = day.Add(37 * time.Minute) {
			want, _ := s.Next(day)
			got, _ := s.Next(day.In(zone))
			require.Equal(t, want, got)
			want, _ = s.Last(day)
			got, _ = s.Last(day.In(zone))
			require.Equal(t, want, got)
		}
	}
}
