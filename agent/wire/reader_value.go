package wire

import (
	"strconv"
	"time"
)

// string reads a required string.
func (r *reader) string() string {
	if r.peek() != '"' {
		r.mismatch("a string")
		return ""
	}
	text, _ := r.text()
	return string(text)
}

// optional reports whether the value is not null, and steps over a null.
func (r *reader) optional() bool {
	if !r.has("null") {
		return true
	}
	r.pos += len("null")
	return false
}

// optString reads a string; null is "".
func (r *reader) optString() string {
	if !r.optional() {
		return ""
	}
	return r.string()
}

func (r *reader) time() time.Time {
	const expected = "an RFC 3339 timestamp with offset"
	if r.peek() != '"' {
		r.mismatch(expected)
		return time.Time{}
	}
	text, ok := r.text()
	if !ok {
		return time.Time{}
	}
	t, err := parseTimestamp(string(text))
	if err != nil {
		r.failf("expected %s, found %s: %w", expected, clip(text), err)
	}
	return t
}

// optTime reads a timestamp; null is the zero time.
func (r *reader) optTime() time.Time {
	if !r.optional() {
		return time.Time{}
	}
	return r.time()
}

// enum reads one of the strings in names and returns its index.
func (r *reader) enum(names []string) uint8 {
	if r.peek() != '"' {
		r.mismatch("a string, one of " + quoteAll(names))
		return 0
	}
	text, ok := r.text()
	if !ok {
		return 0
	}
	for i, name := range names {
		if string(text) == name {
			return uint8(i)
		}
	}
	r.failf("expected one of %s, found %s", quoteAll(names), clip(text))
	return 0
}

func quoteAll(names []string) string {
	var out []byte
	for i, name := range names {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = strconv.AppendQuote(out, name)
	}
	return string(out)
}
