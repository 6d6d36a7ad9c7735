package exec

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// maxDir is what Windows takes as a path, its end mark included, in UTF-16 units.
const maxDir = 32 << 10

// startsAtHome reports whether dir is a tilde, alone or before a separator.
func startsAtHome(dir string) bool {
	return dir == "~" || strings.HasPrefix(dir, `~\`) || strings.HasPrefix(dir, "~/")
}

// dirHasExpansions reports whether expandDir might change dir.
func dirHasExpansions(dir string) bool { return startsAtHome(dir) || strings.Contains(dir, "%") }

// expandDir replaces a leading tilde by home, and then %NAME% by what lookup knows of NAME. Names that lookup does not
// know, and percent signs without a partner, stay as they are; what is put in is not expanded again. All other text stays,
// separators included.
func expandDir(raw, home string, lookup func(name string) (string, bool)) (string, error) {
	dir := raw
	if startsAtHome(raw) {
		dir = joinHome(home, raw[1:])
	}
	dir, err := expandPercent(dir, lookup)
	if err != nil {
		return "", fmt.Errorf("expand working directory %.200q: %w", raw, err)
	}
	return dir, nil
}

// joinHome appends rest, which is empty or begins with a separator, to home.
func joinHome(home, rest string) string {
	if rest == "" {
		return home
	}
	if strings.HasSuffix(home, `\`) || strings.HasSuffix(home, "/") {
		return home + rest[1:]
	}
	return home + `\` + rest[1:]
}

// expandPercent reads from left to right, as Windows does: in %a%b% the second sign belongs to the first, whether a is
// known or not.
func expandPercent(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	units := 0
	put := func(s string) error {
		units += len(utf16.Encode([]rune(s)))
		if units >= maxDir {
			return fmt.Errorf("it becomes longer than %d characters", maxDir-1)
		}
		b.WriteString(s)
		return nil
	}
	for text != "" {
		piece, rest := nextPiece(text, lookup)
		if err := put(piece); err != nil {
			return "", err
		}
		text = rest
	}
	return b.String(), nil
}

// nextPiece returns what the beginning of a text stands for, and the rest of the text.
func nextPiece(text string, lookup func(string) (string, bool)) (piece, rest string) {
	if text[0] != '%' {
		if next := strings.IndexByte(text, '%'); next >= 0 {
			return text[:next], text[next:]
		}
		return text, ""
	}
	name, behind, closed := strings.Cut(text[1:], "%")
	if !closed {
		return text, ""
	}
	if value, ok := lookup(name); ok && name != "" {
		return value, behind
	}
	return text[:len(text)-len(behind)], behind
}

// lookupIn looks names up in an environment of "name=value", without regard to case. Entries such as "=C:=C:\dir" have
// names that begin with the sign.
func lookupIn(env []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, entry := range env {
			if entry == "" {
				continue
			}
			end := 1 + strings.IndexByte(entry[1:], '=')
			if end > 0 && strings.EqualFold(entry[:end], name) {
				return entry[end+1:], true
			}
		}
		return "", false
	}
}
