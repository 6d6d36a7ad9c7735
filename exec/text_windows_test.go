package exec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeCodePage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		page     uint32
		in, want string
	}{
		{437, "\x84\xe1\n", "äß\n"},
		{850, "\x84\xe1\xb5", "äßÁ"},
		{852, "\xa5", "ą"},
		{866, "\x8f\xe0\xa8\xa2\xa5\xe2", "Привет"},
		{932, "{\"k\":\"\x82\xbf\x82\xc2\"}\r\n", "{\"k\":\"ちつ\"}\r\n"},
		{936, "\xd6\xd0\xce\xc4", "中文"},
		{949, "\xc7\xd1\xb1\xdb", "한글"},
		{950, "\xa4\xa4\xa4\xe5", "中文"},
		{1252, "\xe4\x80", "ä€"},
		{codePageUTF8, "a\xff", "a\ufffd"},
		{54321, "a\xff", "a\ufffd"}, // no such page
		{437, "", ""},
	}
	for _, tt := range tests {
		require.Equal(t, "> "+tt.want, string(decodeCodePage(tt.page, []byte("> "), []byte(tt.in))), "page %d", tt.page)
	}
}

// Only whole lines are decoded, so that two reads never share a character.
func TestDecodeJapaneseLines(t *testing.T) {
	t.Parallel()
	page := func(dst, line []byte) []byte { return decodeCodePage(932, dst, line) }
	require.Equal(t, "ちつ\nüber\nソ\n", string(validText([]byte("\x82\xbf\x82\xc2\nüber\n\x83\x5c\n"), page)))
	require.Equal(t, "ち", string(validText([]byte("\x82\xbf"), page)))
}

func TestAppendUTF16(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   []uint16
		want string
	}{
		{[]uint16{0xd83d, 0xde42, 'a'}, "🙂a"},
		{[]uint16{0xd83d}, "\ufffd"},
		{[]uint16{0xd83d, 'a'}, "\ufffda"},
		{[]uint16{0xde42, 0xd83d}, "\ufffd\ufffd"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, string(appendUTF16(nil, tt.in)))
	}
}

// What cmd itself prints is in the code page of its console.
func TestCmdOutputIsDecoded(t *testing.T) {
	t.Parallel()
	page := consoleCodePage()
	require.NotZero(t, page)
	t.Logf("the code page of this console is %d", page)
	out := run(t, native("echo plain"))
	require.Equal(t, "plain\r\n", string(out.Stdout))
	out = run(t, native(helperScript("bytes", "84e10d0a", "")))
	require.Equal(t, string(decodeCodePage(page, nil, []byte("\x84\xe1\r\n"))), string(out.Stdout))
}
