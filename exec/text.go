package exec

import (
	"bytes"
	"unicode/utf8"
)

// decoder appends the UTF-8 of a line that is not UTF-8.
type decoder func(dst, line []byte) []byte

// validText returns b when it is valid UTF-8, as nearly all output is, else a valid copy. Each line is judged by itself: one
// script may call programs that do not agree on an encoding. No encoding of a console uses the byte of a line end for
// anything else.
func validText(b []byte, decode decoder) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		line := firstLine(b)
		b = b[len(line):]
		if utf8.Valid(line) {
			out = append(out, line...)
		} else {
			out = decode(out, line)
		}
	}
	return out
}

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// replaceInvalid appends line with U+FFFD in place of each byte that belongs to no character.
func replaceInvalid(dst, line []byte) []byte {
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		dst = utf8.AppendRune(dst, r)
		line = line[size:]
	}
	return dst
}

// withoutPartialEnd leaves out the beginning of a character at the end of b.
func withoutPartialEnd(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return b
			}
			return b[:i]
		}
	}
	return b
}

// withoutPartialStart leaves out the end of a character at the beginning of b.
func withoutPartialStart(b []byte) []byte {
	for i := range min(len(b), utf8.UTFMax) {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	if len(b) < utf8.UTFMax {
		return b[len(b):]
	}
	return b // no character at all
}
