package health_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/health"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"plain":         {"stream EXEC", "stream EXEC"},
		"lines":         {"one\r\n\ttwo\x00", "one two?"},
		"escape":        {"\x1b[2Jx", "?[2Jx"},
		"bidi":          {"a\u202eb", "a?b"},
		"not UTF-8":     {"a\xffb", "a?b"},
		"password":      {"dial nats://u:p@host:4222: refused", "dial nats://host:4222: refused"},
		"token":         {`parse "nats://s3cret@host"`, `parse "nats://host"`},
		"at in it":      {"nats://u:p@ss@host", "nats://host"},
		"slash in it":   {"nats://u:p/w@host/x", "nats://host/x"},
		"query":         {"wss://host/x?jwt=abc: bad", "wss://host/x?… bad"},
		"several":       {"nats://a:b@one,nats://c:d@two", "nats://two"},
		"no URL":        {"user@example: no", "user@example: no"},
		"not too much":  {strings.Repeat("x", health.MaxError), strings.Repeat("x", health.MaxError)},
		"too long":      {strings.Repeat("x", health.MaxError+1), strings.Repeat("x", health.MaxError-3) + "…"},
		"within a char": {strings.Repeat("é", health.MaxError), strings.Repeat("é", (health.MaxError-3)/2) + "…"},
		"empty":         {"", ""},
	} {
		require.Equal(t, tc.want, health.Line(tc.in, health.MaxError), name)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a b", "nats://u:p@h:1/x?y", "\x1b[0m\xff", strings.Repeat("é", 400), "a://b@c://d@e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := health.Line(s, health.MaxError)
		require.LessOrEqual(t, len(got), health.MaxError)
		require.True(t, utf8.ValidString(got))
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", got)
		require.Equal(t, got, health.Line(got, health.MaxError), "a second time changes nothing")
		hidden := strings.Join(strings.Fields(s), "")
		if hidden = strings.Map(func(r rune) rune {
			if r > ' ' && r < 0x7f && r != '@' && r != '/' && r != '?' {
				return r
			}
			return -1
		}, hidden); hidden != "" {
			require.Equal(t, "to nats://host:1", health.Line("to nats://u:"+hidden+"@host:1", health.MaxError))
		}
	})
}
