package exec

import (
	"strings"
	"unicode/utf16"
)

// shInlineLimit leaves room for quoting, which can double a text, in a command line of 32,767 characters.
const shInlineLimit = 8 << 10

// cmdInlineLimit is in UTF-16 units: cmd takes lines of 8,191, with its own path and options in them.
const cmdInlineLimit = 8000

// cmdTakesInline: cmd /C reads one line, and has no place for arguments behind it.
func cmdTakesInline(text string, args []string) bool {
	return len(args) == 0 && !strings.ContainsAny(text, "\r\n") && len(utf16.Encode([]rune(text))) <= cmdInlineLimit
}

func cmdCannotQuote(word string) bool { return strings.ContainsAny(word, "\"%\r\n") }
