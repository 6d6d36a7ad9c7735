package offload

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kanade-go/kanade/agent/wire"
)

// longestEscape is a surrogate pair.
const longestEscape = len(`\ud83d\ude00`)

// textReader reads the text of a JSON string whose opening quote has been read.
// It ends, with io.EOF, behind the closing quote. What package wire would not
// read is an error that matches wire.ErrDecode.
type textReader struct {
	in *bufio.Reader
	// taken counts the bytes read from in, the closing quote included.
	taken int64
	left  []byte // of small: decoded, not handed out yet
	small [utf8.UTFMax]byte
	err   error
}

func (t *textReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(t.left) > 0:
			c := copy(p[n:], t.left)
			n, t.left = n+c, t.left[c:]
		case t.err != nil:
			return n, t.err
		case len(p)-n < utf8.UTFMax:
			t.left = t.small[:t.decode(t.small[:])]
		default:
			n += t.decode(p[n:])
		}
	}
	return n, nil
}

// decode fills dst, which has room for a rune, or as much of it as it can.
func (t *textReader) decode(dst []byte) int {
	_, err := t.in.Peek(longestEscape)
	src, _ := t.in.Peek(t.in.Buffered())
	if len(src) == 0 || err != nil && !errors.Is(err, io.EOF) {
		t.err = endOfText(err)
		return 0
	}
	n, used, end, problem := unescape(dst, src)
	_, _ = t.in.Discard(used) // it is buffered
	t.taken += int64(used)
	switch {
	case problem != nil:
		t.err = fmt.Errorf("%w: %w", wire.ErrDecode, problem)
	case end:
		t.err = io.EOF
	case used == 0:
		t.err = endOfText(err) // what is left is part of something
	}
	return n
}

func endOfText(err error) error {
	switch {
	case err == nil:
		return io.ErrNoProgress
	case errors.Is(err, io.EOF):
		return errNoEnd
	}
	return err
}

var errNoEnd = fmt.Errorf("%w: expected '\"' before the end of the document", wire.ErrDecode)

// unescape decodes src, the inside of a JSON string and what follows, into dst
// until one of them ends or the closing quote was read. It leaves alone what may
// go on behind the end of src, and needs room for a rune in dst to get anywhere.
func unescape(dst, src []byte) (written, read int, end bool, err error) {
	for read < len(src) && len(dst)-written >= utf8.UTFMax {
		switch c := src[read]; {
		case c == '"':
			return written, read + 1, true, nil
		case c == '\\' && read+1 < len(src) && unescaped[src[read+1]] != 0:
			dst[written] = unescaped[src[read+1]]
			written, read = written+1, read+2
		case c == '\\':
			r, n, err := unicodeEscape(src[read:])
			if n == 0 || err != nil {
				return written, read, false, err
			}
			written += utf8.EncodeRune(dst[written:], r)
			read += n
		case c < ' ':
			return written, read, false, fmt.Errorf("expected control character 0x%02x to be escaped", c)
		default:
			n, err := copyRunes(dst[written:], src[read:])
			if n == 0 || err != nil {
				return written, read, false, err
			}
			written, read = written+n, read+n
		}
	}
	return written, read, false, nil
}

// copyRunes copies the leading runes of src that stand for themselves and returns
// their length; 0 when the first may go on behind the end of src.
func copyRunes(dst, src []byte) (int, error) {
	n, ascii := copyPlain(dst, src)
	if ascii {
		return n, nil
	}
	if n == len(src) || n == len(dst) {
		n = wholeRunes(src[:n])
	}
	if !utf8.Valid(src[:n]) {
		return 0, errors.New("expected valid UTF-8")
	}
	return n, nil
}

// copyPlain copies the leading bytes that stand for themselves, eight at a time
// for as long as that goes, and tells whether all of them are ASCII. Behind what
// it returns dst may hold anything.
func copyPlain(dst, src []byte) (n int, ascii bool) {
	most := min(len(dst), len(src))
	dst, src = dst[:most], src[:most]
	var seen uint64
	for ; n+8 <= len(src) && n+8 <= len(dst); n += 8 {
		w := binary.LittleEndian.Uint64(src[n:])
		binary.LittleEndian.PutUint64(dst[n:], w)
		if s := special(w); s != 0 {
			before := bits.TrailingZeros64(s) &^ 7
			return n + before/8, (seen|w&(1<<before-1))&highBits == 0
		}
		seen |= w
	}
	for ; n < len(src) && plain[src[n]]; n++ {
		dst[n] = src[n]
		seen |= uint64(src[n])
	}
	return n, seen&highBits == 0
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
)

// special has the highest bit of each of eight bytes that is below a blank, a
// quote or a backslash. Behind the first such byte it may be wrong.
func special(w uint64) uint64 {
	quote, backslash := w^'"'*everyByte, w^'\\'*everyByte
	return ((w-' '*everyByte)&^w | (quote-everyByte)&^quote | (backslash-everyByte)&^backslash) & highBits
}

// wholeRunes is the length of b without the beginning of a rune at its end.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return len(b)
			}
			return i
		}
	}
	return len(b)
}

// unicodeEscape returns the rune that the escape at the start of src stands for
// and how long it is; 0 when src ends too early to tell.
func unicodeEscape(src []byte) (r rune, n int, err error) {
	if len(src) > 1 && src[1] != 'u' {
		return 0, 0, errors.New("expected a valid escape")
	}
	if len(src) < 6 {
		return 0, 0, nil
	}
	r, ok := hex4(src)
	switch {
	case !ok:
		return 0, 0, errors.New("expected four hex digits")
	case !utf16.IsSurrogate(r):
		return r, 6, nil
	case len(src) < longestEscape && mayBeEscape(src[6:]):
		return 0, 0, nil
	}
	low, _ := hex4(src[6:])
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0, errors.New("expected a whole surrogate pair")
	}
	return r, longestEscape, nil
}

// mayBeEscape tells whether src, too short for it, can be the start of \u….
func mayBeEscape(src []byte) bool {
	return len(src) == 0 || src[0] == '\\' && (len(src) == 1 || src[1] == 'u')
}

// hex4 reads the number of an escape like \u00e9 at the start of src.
func hex4(src []byte) (r rune, ok bool) {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0, false
	}
	for _, c := range src[2:6] {
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
		r = r<<4 | rune(c)
	}
	return r, true
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
