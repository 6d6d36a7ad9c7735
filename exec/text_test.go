package exec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// latin1 stands for a code page: every byte is a character.
func latin1(dst, line []byte) []byte {
	for _, b := range line {
		dst = utf8.AppendRune(dst, rune(b))
	}
	return dst
}

func TestValidText(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want, decoded string }{
		{"", "", ""},
		{"plain\n", "plain\n", "plain\n"},
		{"日本 {\"k\":\"ä\"}", "日本 {\"k\":\"ä\"}", "日本 {\"k\":\"ä\"}"},
		{"{\"k\":\"\x82\xbf\x82\xc2\"}", "{\"k\":\"\ufffd\ufffd\ufffd\ufffd\"}", "{\"k\":\"\u0082¿\u0082Â\"}"},
		{"ä\n\xe4\nö", "ä\n\ufffd\nö", "ä\nä\nö"}, // each line by itself
		{"\xe4\r\nö\r\n", "\ufffd\r\nö\r\n", "ä\r\nö\r\n"},
		{"\ufffd\n", "\ufffd\n", "\ufffd\n"},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd", "í\u00a0\u0080"}, // a surrogate
		{"\xff\xfea\x00", "\ufffd\ufffda\x00", "ÿþa\x00"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, string(validText([]byte(tt.in), replaceInvalid)), "%q", tt.in)
		require.Equal(t, tt.decoded, string(validText([]byte(tt.in), latin1)), "%q", tt.in)
	}
}

func TestValidTextIsNotCopied(t *testing.T) {
	t.Parallel()
	in := []byte("ä\n")
	require.Same(t, &in[0], &validText(in, latin1)[0])
}

func FuzzValidText(f *testing.F) {
	for _, seed := range []string{"", "a", "\xe4", "ä\xc3\n\xa4", "\xf0\x9f\x99", "\n\n\xff\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, decode := range []decoder{replaceInvalid, latin1, decodeConsole} {
			out := validText(in, decode)
			require.True(t, utf8.Valid(out))
			require.LessOrEqual(t, len(out), 3*len(in))
			require.Equal(t, bytes.Count(in, []byte("\n")), bytes.Count(out, []byte("\n")))
			if utf8.Valid(in) {
				require.Equal(t, in, out)
			}
		}
	})
}

// The cut of a long output never leaves a part of a character, wherever it falls.
func TestCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	all := strings.Repeat("aä日🙂", 100)
	for limit := range 200 {
		c := capture{max: limit}
		_, _ = c.Write([]byte(all))
		out := string(c.finish())
		require.True(t, utf8.ValidString(out), "limit %d: %q", limit, out)
		var left, total int
		head, rest, found := strings.Cut(out, "\n[... ")
		require.True(t, found)
		_, err := fmt.Sscanf(rest, "%d of %d bytes left out ...]\n", &left, &total)
		require.NoError(t, err)
		tail := rest[strings.Index(rest, "\n")+1:]
		require.Equal(t, len(all), total)
		require.Equal(t, total-len(head)-len(tail), left)
		require.True(t, strings.HasPrefix(all, head))
		require.True(t, strings.HasSuffix(all, tail))
	}
}

// A character that two reads share is one character.
func TestSplitCharacterSurvives(t *testing.T) {
	t.Parallel()
	all := []byte("日本🙂ä")
	for cut := range all {
		c := capture{max: 100}
		_, _ = c.Write(all[:cut])
		_, _ = c.Write(all[cut:])
		require.Equal(t, string(all), string(validText(c.finish(), replaceInvalid)))
	}
}

func TestOutputIsValidUTF8(t *testing.T) {
	t.Parallel()
	s := native(helperScript("bytes", "61e40a", "ff0a"))
	raw := run(t, s, WithRawOutput())
	require.Equal(t, "a\xe4\n", string(raw.Stdout))
	require.Equal(t, "\xff\n", string(raw.Stderr))
	out := run(t, s)
	require.Equal(t, string(validText(raw.Stdout, decodeConsole)), string(out.Stdout))
	require.True(t, utf8.Valid(out.Stdout))
	require.True(t, utf8.Valid(out.Stderr))
	require.True(t, bytes.HasPrefix(out.Stdout, []byte("a")))
}
