package cron

import (
	"errors"
	"strings"
	"time"
)

// dates is the day-of-month field.
type dates struct {
	days    set
	nearest set // weekdays nearest to these days
	last    bool
}

func (d *dates) add(item string, f field) error {
	if item == "L" {
		d.last = true
		return nil
	}
	if day, ok := strings.CutSuffix(item, "W"); ok {
		n, err := f.number(day)
		if err == nil {
			d.nearest |= 1 << n
		}
		return err
	}
	return d.days.add(item, f)
}

// in returns the days of a month that match.
func (d *dates) in(m month) set {
	days := d.days & m.all()
	if d.last {
		days |= 1 << m.length
	}
	for day, ok := d.nearest.from(1); ok && day <= m.length; day, ok = d.nearest.from(day + 1) {
		days |= 1 << m.nearestWeekday(day)
	}
	return days
}

// weekdays is the day-of-week field.
type weekdays struct {
	days set
	nth  [7]set // by weekday
	last set
}

func (w *weekdays) add(item string, f field) error {
	if day, which, ok := strings.Cut(item, "#"); ok {
		return w.addNth(day, which, f)
	}
	if day, ok := strings.CutSuffix(item, "L"); ok {
		return w.addNth(day, "L", f)
	}
	if err := w.days.add(item, f); err != nil {
		return err
	}
	w.days |= w.days >> 7 & 1 // 7 is Sunday too
	return nil
}

func (w *weekdays) addNth(day, which string, f field) error {
	n, err := f.number(day)
	if err != nil {
		return err
	}
	n %= 7
	if which == "L" {
		w.last |= 1 << n
		return nil
	}
	count, err := digits(which)
	if err == nil && (count < 1 || count > 5) {
		err = errors.New("expected #1 to #5 or #L")
	}
	if err == nil {
		w.nth[n] |= 1 << count
	}
	return err
}

// in returns the days of a month that match.
func (w *weekdays) in(m month) (days set) {
	for day := 1; day <= m.length; day++ {
		weekday := m.weekday(day)
		if w.days.has(weekday) || w.nth[weekday].has((day+6)/7) || w.last.has(weekday) && day+7 > m.length {
			days |= 1 << day
		}
	}
	return days
}

// month is the calendar of one month.
type month struct{ length, firstWeekday int }

func monthOf(year int, m time.Month) month {
	return month{
		length:       time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day(),
		firstWeekday: int(time.Date(year, m, 1, 0, 0, 0, 0, time.UTC).Weekday()),
	}
}

func (m month) all() set { return 1<<(m.length+1) - 2 }

func (m month) weekday(day int) int { return (m.firstWeekday + day - 1) % 7 }

// nearestWeekday stays inside the month.
func (m month) nearestWeekday(day int) int {
	switch weekday := m.weekday(day); {
	case weekday == int(time.Saturday) && day == 1:
		return day + 2
	case weekday == int(time.Saturday):
		return day - 1
	case weekday == int(time.Sunday) && day == m.length:
		return day - 2
	case weekday == int(time.Sunday):
		return day + 1
	}
	return day
}
