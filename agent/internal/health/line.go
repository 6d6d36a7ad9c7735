package health

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The most bytes of a name and of an error that are kept.
const (
	MaxName  = 200
	MaxError = 300
)

// Line is text for a status: one line, printable, at most limit bytes, and without
// what a URL may have that is secret. limit is at least 3.
func Line(text string, limit int) string {
	text = strings.Map(printable, strings.ToValidUTF8(text, "?"))
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = withoutLogin(word)
	}
	return cut(strings.Join(words, " "), limit)
}

func printable(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r):
		return '?'
	}
	return r
}

// withoutLogin takes out of a URL what stands before the last @ behind its scheme,
// and its query. Several URLs in one word, as in a list with commas, count as one:
// rather too little is left than too much.
func withoutLogin(word string) string {
	scheme, rest, found := strings.Cut(word, "://")
	if !found {
		return word
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if host, _, query := strings.Cut(rest, "?"); query {
		rest = host + "?…"
	}
	return scheme + "://" + rest
}

// cut shortens a text to limit bytes, not within a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const more = "…"
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
