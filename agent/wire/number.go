package wire

import (
	"math"
	"strconv"
)

// float reads a number of any form.
func (r *reader) float() float64 {
	const expected = "a number"
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch(expected)
		return 0
	}
	lit := r.number()
	if r.broken {
		return 0
	}
	f, err := strconv.ParseFloat(string(lit), 64)
	if err != nil || math.IsInf(f, 0) {
		r.failf("expected %s that fits 64 bits, found %s", expected, clip(lit))
		return 0
	}
	return f
}

func (r *reader) int64() int64 {
	const expected = "a whole number from -9223372036854775808 to 9223372036854775807"
	lit, ok := r.integer(expected)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(string(lit), 10, 64)
	if err != nil {
		r.failf("expected %s, found %s", expected, clip(lit))
		return 0
	}
	return n
}

// optStrings reads an array of strings; null is nil.
func (r *reader) optStrings() []string {
	if !r.optional() {
		return nil
	}
	return r.strings()
}

// float writes a number; one that JSON does not have becomes 0.
func (w *writer) float(name string, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		value = 0
	}
	w.key(name)
	w.buf = appendFloat(w.buf, value)
}

// omitFloat leaves out nil, and a number that JSON does not have.
func (w *writer) omitFloat(name string, value *float64) {
	if value != nil && !math.IsNaN(*value) && !math.IsInf(*value, 0) {
		w.float(name, *value)
	}
}

func (w *writer) int64(name string, value int64) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, value, 10)
}

// omitInt64 leaves nil out.
func (w *writer) omitInt64(name string, value *int64) {
	if value != nil {
		w.int64(name, *value)
	}
}

// omitUint32 leaves nil out.
func (w *writer) omitUint32(name string, value *uint32) {
	if value != nil {
		w.uint(name, uint64(*value))
	}
}

// omitBool leaves nil out.
func (w *writer) omitBool(name string, value *bool) {
	if value != nil {
		w.raw(name, strconv.FormatBool(*value))
	}
}
