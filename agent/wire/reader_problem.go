package wire

import (
	"fmt"
	"unicode/utf8"
)

// mismatch records that the value is not what was expected, and skips it.
func (r *reader) mismatch(expected string) {
	r.failf("expected %s, found %s", expected, r.found())
	r.skip()
}

// failf records a problem of the current value; the first one counts.
func (r *reader) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w %s: %s%w", ErrDecode, r.what, r.where(), fmt.Errorf(format, args...))
	}
}

// breakf records that the syntax is lost.
func (r *reader) breakf(format string, args ...any) {
	r.failf(format, args...)
	r.broken = true
}

// where names the current field.
func (r *reader) where() string {
	if len(r.path) == 0 {
		return ""
	}
	var name []byte
	for i, key := range r.path {
		if i > 0 {
			name = append(name, '.')
		}
		if name = append(name, key...); len(name) > maxEcho {
			break
		}
	}
	return "field " + clip(name) + ": "
}

// found describes the next value without showing a string.
func (r *reader) found() string {
	switch c := r.peek(); {
	case r.pos >= len(r.data):
		return "the end of the document"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == '-' || c >= '0' && c <= '9':
		return clip(r.data[r.pos : r.pos+numberLen(r.data[r.pos:])])
	case r.has("true"), r.has("false"):
		return "a boolean"
	case r.has("null"):
		return "null"
	default:
		return fmt.Sprintf("%q", c)
	}
}

// maxEcho is how many bytes of one part of the input a message shows. A message
// has two such parts at most.
const maxEcho = 32

// clip quotes at most maxEcho bytes of b.
func clip[T string | []byte](b T) string {
	if len(b) <= maxEcho {
		return fmt.Sprintf("%q", b)
	}
	cut := maxEcho
	for cut > maxEcho-utf8.UTFMax && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return fmt.Sprintf("%q...", b[:cut])
}
