package cron

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// expression is a random expression that knows its meaning in the plainest way:
// which numbers, and which days.
type expression struct {
	text                            string
	seconds, minutes, hours, months map[int]bool
	day                             func(time.Time) bool
}

func plainField(t *rapid.T, name string, low, high int) (string, map[int]bool) {
	numbers := map[int]bool{}
	var items []string
	for range rapid.IntRange(1, 3).Draw(t, name+" items") {
		from := rapid.IntRange(low, high).Draw(t, name)
		to := rapid.IntRange(from, high).Draw(t, name+" to")
		step := rapid.IntRange(1, high+3).Draw(t, name+" step")
		item := ""
		switch rapid.IntRange(0, 4).Draw(t, name+" kind") {
		case 0:
			item, to, step = fmt.Sprint(from), from, 1
		case 1:
			item, step = fmt.Sprintf("%d-%d", from, to), 1
		case 2:
			item = fmt.Sprintf("%d-%d/%d", from, to, step)
		case 3:
			item, to = fmt.Sprintf("%d/%d", from, step), high
		case 4:
			item, from, to = fmt.Sprintf("*/%d", step), low, high
		}
		for n := low; n <= high; n++ {
			if n >= from && n <= to && (n-from)%step == 0 {
				numbers[n] = true
			}
		}
		items = append(items, item)
	}
	return strings.Join(items, ","), numbers
}

func lastOfMonth(d time.Time) int { return d.AddDate(0, 1, -d.Day()).Day() }

func workday(d time.Time) bool {
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
}

// nearest looks at the days around a date, the nearer ones first.
func nearest(d time.Time, to int) bool {
	if to > lastOfMonth(d) {
		return false
	}
	goal := d.AddDate(0, 0, to-d.Day())
	for _, away := range []int{0, -1, 1, -2, 2} {
		if found := goal.AddDate(0, 0, away); found.Month() == d.Month() && workday(found) {
			return found.Equal(d)
		}
	}
	return false
}

func dateField(t *rapid.T) (string, func(time.Time) bool) {
	n := rapid.IntRange(1, 31).Draw(t, "date")
	switch rapid.IntRange(0, 4).Draw(t, "kind of date") {
	case 0:
		return "*", func(time.Time) bool { return true }
	case 1:
		return "?", func(time.Time) bool { return true }
	case 2:
		return "L", func(d time.Time) bool { return d.Day() == lastOfMonth(d) }
	case 3:
		return fmt.Sprint(n, "W"), func(d time.Time) bool { return nearest(d, n) }
	default:
		text, numbers := plainField(t, "day of month", 1, 31)
		return text, func(d time.Time) bool { return numbers[d.Day()] }
	}
}

func weekdayField(t *rapid.T) (string, func(time.Time) bool) {
	n := rapid.IntRange(0, 7).Draw(t, "weekday")
	same := func(d time.Time) bool { return int(d.Weekday()) == n%7 }
	switch rapid.IntRange(0, 3).Draw(t, "kind of weekday") {
	case 0:
		return "*", func(time.Time) bool { return true }
	case 1:
		count := rapid.IntRange(1, 5).Draw(t, "count")
		return fmt.Sprintf("%d#%d", n, count), func(d time.Time) bool { return same(d) && (d.Day()-1)/7 == count-1 }
	case 2:
		return fmt.Sprint(n, rapid.SampledFrom([]string{"L", "#L"}).Draw(t, "last")), func(d time.Time) bool {
			return same(d) && d.AddDate(0, 0, 7).Month() != d.Month()
		}
	default:
		text, numbers := plainField(t, "day of week", 0, 7)
		return text, func(d time.Time) bool {
			return numbers[int(d.Weekday())] || d.Weekday() == time.Sunday && numbers[7]
		}
	}
}

func drawExpression(t *rapid.T) expression {
	var e expression
	var parts [6]string
	parts[0], e.seconds = plainField(t, "second", 0, 59)
	parts[1], e.minutes = plainField(t, "minute", 0, 59)
	parts[2], e.hours = plainField(t, "hour", 0, 23)
	parts[4], e.months = plainField(t, "month", 1, 12)
	date, byDate := dateField(t)
	weekday, byWeekday := weekdayField(t)
	parts[3], parts[5] = date, weekday
	e.text = strings.Join(parts[:], " ")
	e.day = func(d time.Time) bool { return e.months[int(d.Month())] && byDate(d) && byWeekday(d) }
	return e
}

// scan tries every second of every day that matches, for some years.
func (e expression) scan(after time.Time, until time.Time) (time.Time, bool) {
	first := after.Truncate(24 * time.Hour)
	for day := first; day.Before(until); day = day.AddDate(0, 0, 1) {
		if !e.day(day) {
			continue
		}
		for s := range 86_400 {
			found := day.Add(time.Duration(s) * time.Second)
			if found.After(after) && e.seconds[found.Second()] && e.minutes[found.Minute()] && e.hours[found.Hour()] {
				return found, true
			}
		}
	}
	return time.Time{}, false
}

func TestNextIsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpression(t)
		s, err := Parse(e.text)
		require.NoError(t, err, e.text)
		after := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 12*365*86_400).Draw(t, "after")) * time.Second)
		until := after.AddDate(9, 0, 0)
		want, found := e.scan(after, until)
		next, ok := s.Next(after)
		if !found {
			require.False(t, ok && next.Before(until), "%s: %s after %s", e.text, next, after)
			return
		}
		require.True(t, ok, "%s after %s", e.text, after)
		require.Equal(t, want, next, "%s after %s", e.text, after)
		last, ok := s.Last(next)
		require.True(t, ok)
		require.Equal(t, next, last)
		if last, ok := s.Last(next.Add(-time.Second)); ok {
			require.False(t, last.After(after), "%s: %s is between %s and %s", e.text, last, after, next)
			again, _ := s.Next(last)
			require.Equal(t, next, again)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"*/15 * * * * *", "0 0 9 17W * 5L 2030", "0 0 0 L,3 JAN-MAR/2 1#2,5#L", "@daily", "@", "* * * * *", "0 0 0 ? * +fri-SUN", "\x00 1 2 3 4 5",
	} {
		f.Add(s, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := Parse(text)
		if err != nil {
			require.ErrorIs(t, err, ErrSyntax)
			require.Less(t, len(err.Error()), 700)
			return
		}
		from := time.Unix(unix%(1<<37), 0)
		next, ok := s.Next(from)
		if !ok {
			return
		}
		require.True(t, next.After(from))
		last, ok := s.Last(next)
		require.True(t, ok)
		require.Equal(t, next, last)
		if last, ok := s.Last(next.Add(-1)); ok {
			require.False(t, last.After(from), "%q: %s is between %s and %s", text, last, from, next)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, text := range []string{"*/15 * * * * *", "0 15 3 * * *", "0 0 12 13 * FRI", "0 0 0 29 2 *", "0 0 0 30 2 *"} {
		b.Run(text, func(b *testing.B) {
			s, err := Parse(text)
			require.NoError(b, err)
			from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for b.Loop() {
				s.Next(from)
			}
		})
	}
}
