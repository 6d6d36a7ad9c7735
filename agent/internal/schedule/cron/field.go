package cron

import (
	"fmt"
	"slices"
	"strings"
)

// field is what one field of an expression may hold.
type field struct {
	name     string
	min, max int
	names    []string // of min and what follows
	anyMark  bool     // ? stands for *
}

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

const sunday = "SUN"

// span is the numbers from, from+step, ... up to and including to.
type span struct{ from, to, step int }

// span reads an item of a list: *, a, a-b, and each of them with /n.
func (f field) span(item string) (span, error) {
	base, every, stepped := strings.Cut(item, "/")
	s, err := f.base(base, stepped)
	if err != nil {
		return span{}, err
	}
	s.step = 1
	if stepped {
		if s.step, err = digits(every); err == nil && s.step == 0 {
			err = fmt.Errorf("a step of 0")
		}
	}
	return s, err
}

func (f field) base(text string, stepped bool) (span, error) {
	if text == "*" || text == "?" && f.anyMark {
		return span{from: f.min, to: f.max}, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	from, err := f.number(first)
	if err != nil {
		return span{}, err
	}
	switch {
	case !isRange && stepped:
		return span{from: from, to: f.max}, nil
	case !isRange:
		return span{from: from, to: from}, nil
	}
	to, err := f.number(last)
	if last == sunday && f.max == len(weekdayNames) {
		to = len(weekdayNames)
	}
	if err == nil && to < from {
		err = fmt.Errorf("range %.20q ends before it begins", text)
	}
	return span{from: from, to: to}, err
}

func (f field) number(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.min + i, nil
	}
	n, err := digits(text)
	if err != nil {
		return 0, err
	}
	if n < f.min || n > f.max {
		return 0, fmt.Errorf("%d is not between %d and %d", n, f.min, f.max)
	}
	return n, nil
}

// digits reads a number without a sign.
func digits(text string) (int, error) {
	n := 0
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' || i == 6 {
			return 0, fmt.Errorf("%.20q is no number", text)
		}
		n = 10*n + int(c-'0')
	}
	if text == "" {
		return 0, fmt.Errorf("a number is missing")
	}
	return n, nil
}
