//go:build unix

package exec

// decodeConsole: here programs write UTF-8, or what nobody can tell.
func decodeConsole(dst, line []byte) []byte { return replaceInvalid(dst, line) }
