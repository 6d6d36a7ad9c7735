package wire

import (
	"bytes"
	"math"
	"strconv"
)

func (r *reader) uint() uint64 {
	const expected = "a whole number from 0 to 18446744073709551615"
	lit, ok := r.integer(expected)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(lit), 10, 64)
	if err != nil || lit[0] == '-' {
		r.failf("expected %s, found %s", expected, clip(lit))
		return 0
	}
	return n
}

// optUint reads a number; null is 0.
func (r *reader) optUint() uint64 {
	if !r.optional() {
		return 0
	}
	return r.uint()
}

// positive reads a number that 0 makes no sense for.
func (r *reader) positive() uint64 {
	const expected = "a whole number from 1 to 18446744073709551615"
	lit, ok := r.integer(expected)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(lit), 10, 64)
	if err != nil || n == 0 {
		r.failf("expected %s, found %s", expected, clip(lit))
		return 0
	}
	return n
}

func (r *reader) int32() int32 {
	const expected = "a whole number from -2147483648 to 2147483647"
	lit, ok := r.integer(expected)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(string(lit), 10, 32)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		r.failf("expected %s, found %s", expected, clip(lit))
		return 0
	}
	return int32(n)
}

// integer reads a number without fraction and exponent. -0 is a float's value.
func (r *reader) integer(expected string) ([]byte, bool) {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch(expected)
		return nil, false
	}
	lit := r.number()
	if r.broken {
		return nil, false
	}
	if bytes.ContainsAny(lit, ".eE") || string(lit) == "-0" {
		r.failf("expected %s, found %s", expected, clip(lit))
		return nil, false
	}
	return lit, true
}

// number reads a number and returns it as it is written.
func (r *reader) number() []byte {
	n := numberLen(r.data[r.pos:])
	lit := r.data[r.pos : r.pos+n]
	if !validNumber(lit) {
		r.breakf("expected a number at byte %d, found %s", r.pos, clip(lit))
		return nil
	}
	r.pos += n
	return lit
}

// numberLen counts the leading bytes that may occur in a number.
func numberLen(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			switch c {
			case '-', '+', '.', 'e', 'E':
			default:
				return i
			}
		}
	}
	return len(b)
}

// validNumber reports whether lit is a whole number of JSON's grammar.
func validNumber(lit []byte) bool {
	rest := bytes.TrimPrefix(lit, []byte("-"))
	digits := digitCount(rest)
	if digits == 0 || digits > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[digits:]
	if len(rest) > 0 && rest[0] == '.' {
		digits = digitCount(rest[1:])
		if digits == 0 {
			return false
		}
		rest = rest[1+digits:]
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		digits = digitCount(rest)
		return digits > 0 && digits == len(rest)
	}
	return len(rest) == 0
}

func digitCount[T string | []byte](b T) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}
