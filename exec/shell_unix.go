//go:build unix

package exec

// shInlineLimit is half of what Linux takes as one argument (128 KiB with 4 KiB pages, its end mark included).
const shInlineLimit = 64 << 10

// cmdTakesInline: whatever a site calls cmd gets the text as one argument, lines and all, while it fits into one.
func cmdTakesInline(text string, _ []string) bool { return len(text) <= shInlineLimit }

// cmdCannotQuote: arguments are handed over one by one, without any quoting.
func cmdCannotQuote(string) bool { return false }
