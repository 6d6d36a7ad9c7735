package agent

import "strconv"

// mostQuoted is how many characters of a value an error repeats.
const mostQuoted = 64

// quoted is a value in an error: nothing of it acts on a terminal, and it is cut.
func quoted(s string) string { return strconv.Quote(shortened(s)) }

// shortened is the beginning of a text that can be long.
func shortened(s string) string {
	n := 0
	for i := range s {
		if n++; n > mostQuoted {
			return s[:i] + "…"
		}
	}
	return s
}
