package cron

import "time"

// Next is the first fire strictly after t, in UTC and to the second; false: there
// is none until the year 5000 ends.
func (s *Schedule) Next(t time.Time) (time.Time, bool) {
	t = t.UTC().Truncate(time.Second).Add(time.Second)
	if t.Year() < minYear {
		t = time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	from := clock{t.Hour(), t.Minute(), t.Second()}
	year, m, day := t.Date()
	for ; year <= maxYear; year, m, day, from = year+1, time.January, 1, dawn {
		if !s.years.has(year) {
			continue
		}
		for ; m <= time.December; m, day, from = m+1, 1, dawn {
			if !s.months.has(int(m)) {
				continue
			}
			if day, c, ok := s.inMonth(s.days(year, m), day, from); ok {
				return c.on(year, m, day), true
			}
		}
	}
	return time.Time{}, false
}

// inMonth is the first fire on one of days, on day from the time of day on or on a
// later one.
func (s *Schedule) inMonth(days set, day int, from clock) (int, clock, bool) {
	if days.has(day) {
		if c, ok := s.clockFrom(from); ok {
			return day, c, true
		}
	}
	day, ok := days.from(day + 1)
	if !ok {
		return 0, clock{}, false
	}
	c, ok := s.clockFrom(dawn)
	return day, c, ok
}

// Last is the last fire that is not after t; false: there was none.
func (s *Schedule) Last(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if t.Year() > maxYear {
		t = time.Date(maxYear, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	upTo := clock{t.Hour(), t.Minute(), t.Second()}
	year, m, day := t.Date()
	for ; year >= minYear; year, m, day, upTo = year-1, time.December, 31, dusk {
		if !s.years.has(year) {
			continue
		}
		for ; m >= time.January; m, day, upTo = m-1, 31, dusk {
			if !s.months.has(int(m)) {
				continue
			}
			if day, c, ok := s.inMonthBack(s.days(year, m), day, upTo); ok {
				return c.on(year, m, day), true
			}
		}
	}
	return time.Time{}, false
}

func (s *Schedule) inMonthBack(days set, day int, upTo clock) (int, clock, bool) {
	if days.has(day) {
		if c, ok := s.clockUpTo(upTo); ok {
			return day, c, true
		}
	}
	day, ok := days.upTo(day - 1)
	if !ok {
		return 0, clock{}, false
	}
	c, ok := s.clockUpTo(dusk)
	return day, c, ok
}

func (s *Schedule) days(year int, m time.Month) set {
	calendar := monthOf(year, m)
	return s.dates.in(calendar) & s.weekdays.in(calendar)
}

// clock is a time of day.
type clock struct{ hour, minute, second int }

// dawn and dusk are the first and the last second of a day.
var dawn, dusk = clock{}, clock{23, 59, 59}

func (c clock) on(year int, m time.Month, day int) time.Time {
	return time.Date(year, m, day, c.hour, c.minute, c.second, 0, time.UTC)
}

func (s *Schedule) clockFrom(c clock) (clock, bool) {
	if s.hours.has(c.hour) {
		if s.minutes.has(c.minute) {
			if second, ok := s.seconds.from(c.second); ok {
				return clock{c.hour, c.minute, second}, true
			}
		}
		if minute, ok := s.minutes.from(c.minute + 1); ok {
			return clock{c.hour, minute, s.seconds.first()}, true
		}
	}
	hour, ok := s.hours.from(c.hour + 1)
	return clock{hour, s.minutes.first(), s.seconds.first()}, ok
}

func (s *Schedule) clockUpTo(c clock) (clock, bool) {
	if s.hours.has(c.hour) {
		if s.minutes.has(c.minute) {
			if second, ok := s.seconds.upTo(c.second); ok {
				return clock{c.hour, c.minute, second}, true
			}
		}
		if minute, ok := s.minutes.upTo(c.minute - 1); ok {
			return clock{c.hour, minute, s.seconds.last()}, true
		}
	}
	hour, ok := s.hours.upTo(c.hour - 1)
	return clock{hour, s.minutes.last(), s.seconds.last()}, ok
}
