package outbox

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// number copies a number, of which the first byte has been read.
func (c *jsonCopier) number(b byte) error {
	var err error
	if b == '-' {
		c.put(b)
		if b, err = c.next(); err != nil {
			return err
		}
	}
	switch {
	case b == '0':
		c.put(b)
	case '1' <= b && b <= '9':
		c.put(b)
		err = c.digits()
	default:
		err = unexpected(b)
	}
	if err != nil {
		return err
	}
	return errors.Join(c.part("."), c.part("eE"))
}

// part copies what a number has behind one of the bytes of lead, if it has it.
func (c *jsonCopier) part(lead string) error {
	if !c.optional(lead) {
		return nil
	}
	if lead != "." {
		c.optional("+-")
	}
	b, err := c.next()
	if err != nil {
		return err
	}
	if b < '0' || b > '9' {
		return unexpected(b)
	}
	c.put(b)
	return c.digits()
}

// optional copies the next byte if it is one of those.
func (c *jsonCopier) optional(of string) bool {
	b, err := c.r.Peek(1)
	if err != nil {
		return false
	}
	for i := range len(of) {
		if of[i] == b[0] {
			c.put(b[0])
			_, _ = c.r.Discard(1) // it was there a moment ago
			return true
		}
	}
	return false
}

func (c *jsonCopier) digits() error {
	for c.optional("0123456789") {
	}
	if _, err := c.r.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// text copies a string, of which the quote has been read.
func (c *jsonCopier) text() error {
	c.put('"')
	room := c.cut
	if room == 0 {
		room = -1
	}
	for {
		run, err := c.plainRun()
		if err != nil {
			return err
		}
		room = c.copyRun(run, room)
		_, _ = c.r.Discard(len(run)) // it was there a moment ago
		b, err := c.r.Peek(1)
		switch {
		case err != nil:
			return ended(err)
		case b[0] == '"':
			_, _ = c.r.Discard(1)
			return c.w.WriteByte('"')
		case b[0] == '\\':
			if room, err = c.escape(room); err != nil {
				return err
			}
		case b[0] < ' ':
			return unexpected(b[0])
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errTorn
	}
	return err
}

// plainRun looks at the bytes ahead that need no care, without half a character
// at the end.
func (c *jsonCopier) plainRun() ([]byte, error) {
	for need := 1; ; {
		b, err := c.r.Peek(max(need, c.r.Buffered()))
		if err != nil {
			return nil, ended(err)
		}
		n := 0
		for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= ' ' {
			n++
		}
		if n < len(b) {
			return b[:n], nil
		}
		if n -= halfRune(b); n > 0 {
			return b[:n], nil
		}
		need = len(b) + 1
	}
}

// halfRune is how many bytes at the end of b may be the beginning of a
// character.
func halfRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// copyRun copies as much of run as there is room for (negative: all), and
// returns the room that is left.
func (c *jsonCopier) copyRun(run []byte, room int) int {
	c.badUTF8 = c.badUTF8 || !utf8.Valid(run)
	if room < 0 {
		c.put(run...)
		return room
	}
	if len(run) > room {
		for room > 0 && !utf8.RuneStart(run[room]) {
			room--
		}
		c.put(run[:room]...)
		return 0
	}
	c.put(run...)
	return room - len(run)
}

// maxEscape is the length of the longest escape, \u0000.
const maxEscape = 6

// escape copies an escape; one for which there is no room is dropped.
func (c *jsonCopier) escape(room int) (int, error) {
	b, err := c.r.Peek(2)
	if err != nil {
		return 0, ended(err)
	}
	n := 2
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		n = maxEscape
		if b, err = c.r.Peek(n); err != nil {
			return 0, ended(err)
		}
		for _, digit := range b[2:] {
			if !isHex(digit) {
				return 0, unexpected(digit)
			}
		}
	default:
		return 0, fmt.Errorf("escape %q is not JSON", b)
	}
	switch {
	case room < 0:
		c.put(b...)
	case room >= n:
		c.put(b...)
		room -= n
	default:
		room = 0
	}
	_, err = c.r.Discard(n)
	return room, err
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}
