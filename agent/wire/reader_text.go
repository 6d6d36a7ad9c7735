package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. When it is not acceptable but its end is clear, it
// records the problem and returns false.
func (r *reader) text() ([]byte, bool) {
	start := r.pos + 1
	i := start
	for i < len(r.data) && plain[r.data[i]] {
		i++
	}
	if i == len(r.data) {
		r.breakText()
		return nil, false
	}
	if r.data[i] == '"' {
		r.pos = i + 1
		return r.checked(r.data[start:i], true)
	}
	return r.escapedText(start, i)
}

// escapedText reads on after the first byte, at i, that cannot be copied.
func (r *reader) escapedText(start, i int) ([]byte, bool) {
	out := append(make([]byte, 0, textLen(r.data[start:])), r.data[start:i]...)
	ok := true
	for i < len(r.data) {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			return r.checked(out, ok)
		case c == '\\':
			var good bool
			out, i, good = r.escape(out, i)
			if r.broken {
				return nil, false
			}
			ok = ok && good
		case c < ' ':
			r.failf("expected control character 0x%02x at byte %d to be escaped", c, i)
			ok = false
			i++
		default:
			from := i
			for i < len(r.data) && plain[r.data[i]] {
				i++
			}
			out = append(out, r.data[from:i]...)
		}
	}
	r.breakText()
	return nil, false
}

// textLen is the length of a string's raw form, up to its closing quote.
func textLen(rest []byte) int {
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(rest)
}

func (r *reader) breakText() {
	r.breakf("expected '\"' before the end of the document")
}

func (r *reader) checked(text []byte, ok bool) ([]byte, bool) {
	if ok && !utf8.Valid(text) {
		r.failf("expected valid UTF-8")
		ok = false
	}
	if !ok {
		return nil, false
	}
	return text, true
}

// escape appends what the escape at i stands for and returns where it ends. A
// lone surrogate is a problem, an unknown escape breaks the syntax.
func (r *reader) escape(out []byte, i int) ([]byte, int, bool) {
	if i+1 < len(r.data) && r.data[i+1] == 'u' {
		return r.unicodeEscape(out, i)
	}
	if i+1 < len(r.data) {
		if c := unescaped[r.data[i+1]]; c != 0 {
			return append(out, c), i + 2, true
		}
	}
	r.breakf("expected a valid escape at byte %d", i)
	return out, i, false
}

func (r *reader) unicodeEscape(out []byte, i int) ([]byte, int, bool) {
	c, ok := hex4(r.data[i:])
	if !ok {
		r.breakf("expected four hex digits at byte %d", i+2)
		return out, i, false
	}
	i += 6
	if !utf16.IsSurrogate(c) {
		return utf8.AppendRune(out, c), i, true
	}
	if low, ok := hex4(r.data[i:]); ok {
		if full := utf16.DecodeRune(c, low); full != utf8.RuneError {
			return utf8.AppendRune(out, full), i + 6, true
		}
	}
	r.failf("expected a whole surrogate pair at byte %d", i-6)
	return out, i, false
}

// hex4 reads the number of an escape like \u00e9 at the start of b.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var n rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | rune(c)
	}
	return n, true
}

// unescaped is what the byte after a backslash stands for; 0: not an escape.
var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// plain marks the bytes of a string that stand for themselves in JSON.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()
