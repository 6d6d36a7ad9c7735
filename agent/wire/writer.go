package wire

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// replacement stands for each byte that is not valid UTF-8.
const replacement = "\uFFFD"

// writer appends the members of one JSON object in the order of the calls.
type writer struct{ buf []byte }

// newWriter starts an object; size is a guess at its length.
func newWriter(size int) *writer {
	return &writer{buf: append(make([]byte, 0, size), '{')}
}

// escaped is about how long a text of n bytes is in JSON.
func escaped(n int) int { return n + n/8 }

func (w *writer) end() []byte { return append(w.buf, '}') }

func (w *writer) key(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// open starts an object inside; the members that follow are its own until close.
func (w *writer) open(name string) {
	w.key(name)
	w.buf = append(w.buf, '{')
}

func (w *writer) close() { w.buf = append(w.buf, '}') }

func (w *writer) string(name, value string) {
	w.key(name)
	w.buf = appendString(w.buf, value)
}

// omitString leaves an empty string out.
func (w *writer) omitString(name, value string) {
	if value != "" {
		w.string(name, value)
	}
}

// nullString writes an empty string as null.
func (w *writer) nullString(name, value string) {
	if value == "" {
		w.raw(name, "null")
		return
	}
	w.string(name, value)
}

func (w *writer) uint(name string, value uint64) {
	w.key(name)
	w.buf = strconv.AppendUint(w.buf, value, 10)
}

// nullUint writes 0 as null.
func (w *writer) nullUint(name string, value uint64) {
	if value == 0 {
		w.raw(name, "null")
		return
	}
	w.uint(name, value)
}

func (w *writer) int32(name string, value int32) {
	w.key(name)
	w.buf = strconv.AppendInt(w.buf, int64(value), 10)
}

func (w *writer) time(name string, value time.Time) {
	w.key(name)
	w.buf = append(w.buf, '"')
	w.buf = appendTimestamp(w.buf, value, 'T', "Z")
	w.buf = append(w.buf, '"')
}

// omitTime leaves the zero time out.
func (w *writer) omitTime(name string, value time.Time) {
	if !value.IsZero() {
		w.time(name, value)
	}
}

// raw writes a value that is JSON already.
func (w *writer) raw(name, value string) {
	w.key(name)
	w.buf = append(w.buf, value...)
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0 // s[:done] is in dst
	for i := 0; i < len(s); {
		c := s[i]
		if plainASCII[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[done:i]...)
			dst = appendEscape(dst, c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[done:i]...)
			dst = append(dst, replacement...)
			done = i + 1
		}
		i += size
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// plainASCII marks the single bytes that are written as they are.
var plainASCII = func() (table [256]bool) {
	for c := range utf8.RuneSelf {
		table[c] = plain[c]
	}
	return table
}()

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xF])
}
