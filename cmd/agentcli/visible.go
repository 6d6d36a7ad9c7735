package agentcli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// visible is s as a terminal can show it: text from files and names can hold
// escape sequences, and is quoted when it does.
func visible(s string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if s == "" || s[0] == '"' || !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return strconv.Quote(s)
	}
	return s
}

// shortened is the beginning of a text that can be long.
func shortened(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// mostQuoted is how much of a value from a command line or a file an error repeats.
const mostQuoted = 64

// quoted is a value in an error: nothing of it acts on a terminal, and it is cut.
func quoted(s string) string { return strconv.Quote(shortened(s, mostQuoted)) }

// withoutMiddle is the beginning and the end of a text that can be long.
func withoutMiddle(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	end := most / 3
	return string(runes[:most-end-1]) + "…" + string(runes[len(runes)-end:])
}

// printable is s with everything that is not printable as an escape.
func printable(s string) string {
	var text strings.Builder
	w := newVisibleWriter(&text)
	_, _ = io.WriteString(w, s) // to memory
	_ = w.Close()               // likewise
	return text.String()
}

// visibleWriter writes text with everything that is not printable as \u escapes,
// but line ends and tabs. JSON stays the same JSON.
type visibleWriter struct {
	w    *bufio.Writer
	half []byte // the beginning of a character
}

func newVisibleWriter(w io.Writer) *visibleWriter { return &visibleWriter{w: bufio.NewWriter(w)} }

func (v *visibleWriter) Write(p []byte) (int, error) {
	text := append(v.half, p...)
	for len(text) > 0 && utf8.FullRune(text) {
		r, n := utf8.DecodeRune(text)
		v.put(r)
		text = text[n:]
	}
	v.half = append([]byte(nil), text...)
	return len(p), v.w.Flush()
}

func (v *visibleWriter) put(r rune) {
	switch {
	case r == '\n' || r == '\t' || r != utf8.RuneError && unicode.IsPrint(r):
		_, _ = v.w.WriteRune(r) // Flush tells
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(v.w, `\u%04x\u%04x`, high, low)
	default:
		fmt.Fprintf(v.w, `\u%04x`, r)
	}
}

// Close writes what is left of a text that ends in the middle of a character.
func (v *visibleWriter) Close() error {
	for range v.half {
		v.put(utf8.RuneError)
	}
	v.half = nil
	return v.w.Flush()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// safeOutput passes everything on to a file or a pipe; a terminal gets only what
// is visible.
func safeOutput(out io.Writer) io.WriteCloser {
	if isTerminal(out) {
		return newVisibleWriter(out)
	}
	return nopCloser{out}
}

// safely has do write to out so that a terminal shows what it writes.
func safely(out io.Writer, do func(io.Writer) error) error {
	safe := safeOutput(out)
	err := do(safe)
	if closed := safe.Close(); err == nil {
		err = closed
	}
	return err
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
