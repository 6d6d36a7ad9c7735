package wire

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
)

type durationParser struct {
	rest  string
	total span
}

func (p *durationParser) parse() error {
	p.blanks()
	if p.rest == "" {
		return errors.New("it is empty")
	}
	for ; p.rest != ""; p.blanks() {
		if err := p.pair(); err != nil {
			return err
		}
	}
	return nil
}

// pair reads one number with its unit and adds it.
func (p *durationParser) pair() error {
	number, ok := p.digits()
	if !ok {
		return errors.New("expected a number")
	}
	var decimals string
	if p.rest != "" && p.rest[0] == '.' {
		p.rest = p.rest[1:]
		p.blanks()
		if decimals, ok = p.digits(); !ok {
			return errors.New("expected a digit after the dot")
		}
	}
	name := p.name()
	u, ok := units[name]
	switch {
	case ok:
		return p.add(number, decimals, u)
	case name == "":
		return errors.New("expected a unit after the number, for example s or min")
	default:
		return fmt.Errorf("unknown unit %s", clip(name))
	}
}

func (p *durationParser) add(number, decimals string, u unit) error {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return errOverflow
	}
	part, err := u.times(n)
	if err != nil {
		return err
	}
	if p.total, err = p.total.plus(part); err != nil {
		return err
	}
	if part, err = u.fraction(decimals); err != nil {
		return err
	}
	p.total, err = p.total.plus(part)
	return err
}

// digits reads digits and the blanks between and after them.
func (p *durationParser) digits() (string, bool) {
	var out []byte
	for p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9' {
		n := digitCount(p.rest)
		out = append(out, p.rest[:n]...)
		p.rest = p.rest[n:]
		p.blanks()
	}
	return string(out), len(out) > 0
}

func (p *durationParser) blanks() {
	for i, r := range p.rest {
		if !unicode.IsSpace(r) {
			p.rest = p.rest[i:]
			return
		}
	}
	p.rest = ""
}

// name reads up to a blank or digit; the units decide whether it is one.
func (p *durationParser) name() string {
	end := len(p.rest)
	for i, r := range p.rest {
		if unicode.IsSpace(r) || r >= '0' && r <= '9' {
			end = i
			break
		}
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	return name
}
