package cron

import (
	"errors"
	"fmt"
	"strings"
)

// ErrSyntax is wrapped by every error of [Parse].
var ErrSyntax = errors.New("cron: syntax")

// maxText bounds an expression in bytes.
const maxText = 1024

// Schedule is a parsed expression. The zero value never fires.
type Schedule struct {
	seconds, minutes, hours, months set
	dates                           dates
	weekdays                        weekdays
	years                           years
}

var nicknames = map[string]string{
	"@YEARLY":   "0 0 0 1 1 *",
	"@ANNUALLY": "0 0 0 1 1 *",
	"@MONTHLY":  "0 0 0 1 * *",
	"@WEEKLY":   "0 0 0 * * 0",
	"@DAILY":    "0 0 0 * * *",
	"@HOURLY":   "0 0 * * * *",
}

// Parse reads an expression of the dialect in the package comment.
func Parse(text string) (Schedule, error) {
	if len(text) > maxText {
		return Schedule{}, fmt.Errorf("%w: %d bytes; at most %d are allowed", ErrSyntax, len(text), maxText)
	}
	s, err := parse(strings.ToUpper(text))
	if err != nil {
		return Schedule{}, fmt.Errorf("%w: %.80q: %w", ErrSyntax, text, err)
	}
	return s, nil
}

func parse(text string) (s Schedule, err error) {
	parts := strings.Fields(text)
	if len(parts) == 1 && strings.HasPrefix(parts[0], "@") {
		expression, ok := nicknames[parts[0]]
		if !ok {
			return s, errors.New("unknown nickname")
		}
		parts = strings.Fields(expression)
	}
	switch len(parts) {
	case 6:
		parts = append(parts, "*")
	case 7:
	default:
		return s, fmt.Errorf("%d fields; expected 6 (second minute hour day month weekday) or 7 (and the year)", len(parts))
	}
	return s, s.read(parts)
}

func (s *Schedule) read(parts []string) error {
	fields := []struct {
		field field
		add   func(item string, f field) error
	}{
		{field{name: "second", max: 59}, s.seconds.add},
		{field{name: "minute", max: 59}, s.minutes.add},
		{field{name: "hour", max: 23}, s.hours.add},
		{field{name: "day of month", min: 1, max: 31, anyMark: true}, s.dates.add},
		{field{name: "month", min: 1, max: 12, names: monthNames}, s.months.add},
		{field{name: "day of week", max: 7, names: weekdayNames, anyMark: true}, s.weekdays.add},
		{field{name: "year", min: minYear, max: maxYear}, s.years.add},
	}
	parts[5] = strings.TrimPrefix(parts[5], "+")
	for i, f := range fields {
		for item := range strings.SplitSeq(parts[i], ",") {
			if err := f.add(item, f.field); err != nil {
				return fmt.Errorf("%s: %w", f.field.name, err)
			}
		}
	}
	return nil
}
