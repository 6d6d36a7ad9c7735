package logs

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// folder makes a log folder with files.
func folder(t testing.TB, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func tailOf(t testing.TB, dir, template string, lines uint32, limit int64) string {
	t.Helper()
	text, err := filesOf(filepath.Join(dir, template)).tail(lines, limit)
	require.NoError(t, err)
	return string(text)
}

func TestTail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file string
		lines      uint32
		want       string
	}{
		{"empty", "", 5, ""},
		{"none asked for", "a\nb\n", 0, ""},
		{"fewer than asked for", "a\nb\n", 5, "a\nb\n"},
		{"as many", "a\nb\n", 2, "a\nb\n"},
		{"the last ones", "a\nb\nc\n", 2, "b\nc\n"},
		{"one", "a\nb\nc\n", 1, "c\n"},
		{"no line feed at the end", "a\nb\nc", 2, "b\nc\n"},
		{"only that", "abc", 1, "abc\n"},
		{"blank lines count", "a\n\n\n", 2, "\n\n"},
		{"only blank lines", "\n\n\n", 9, "\n\n\n"},
		{"carriage returns", "a\r\nb\r\nc\r\n", 2, "b\nc\n"},
		{"a lone carriage return stays", "a\rb\nc\r", 2, "a\rb\nc\r\n"},
		{"one before the end of the file", "a\r", 1, "a\r\n"},
		{"bytes that are not UTF-8", "a\n\xffb\n", 1, "\uFFFDb\n"},
		{"all lines there are", "a\nb\n", math.MaxUint32, "a\nb\n"},
	} {
		dir := folder(t, map[string]string{"agent.2026-01-31.log": test.file})
		require.Equal(t, test.want, tailOf(t, dir, "agent.log", test.lines, wire.MaxLogReply), test.name)
	}
}

// Against the plain way to do it: read all, split, join, cut.
func TestTailIsThatOfTheWholeFile(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 26_000 {
		fmt.Fprintf(&b, "%d %s\n", i, strings.Repeat("ä😀x", i%11))
	}
	all := b.String()
	for _, text := range []string{all, strings.TrimSuffix(all, "\n"), strings.ReplaceAll(all, "\n", "\r\n"), strings.Repeat("\r\n", 500_000)} {
		dir := folder(t, map[string]string{"agent.2026-01-31.log": text})
		for _, lines := range []uint32{1, 1000, 25_999, math.MaxUint32} {
			for _, limit := range []int64{1, 4, 1000, 65_537, wire.MaxLogReply} {
				if tailOf(t, dir, "agent.log", lines, limit) != plainTail(text, lines, limit) {
					require.Fail(t, "another tail", "%d lines, %d bytes", lines, limit)
				}
			}
		}
	}
}

func plainTail(text string, lines uint32, limit int64) string {
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	all := strings.Split(text, "\n")
	text = strings.Join(all[max(0, int64(len(all))-int64(lines)):], "\n") + "\n"
	if int64(len(text)) > limit {
		text = text[int64(len(text))-limit:]
		for text != "" && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	return text
}

func TestOnlyTheLogsOwnFilesAreRead(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"agent.2026-01-30.log": "older\n", "agent.2026-01-31.log": "newest\n", "agent.zzz.log": "foreign\n", "agent.2026-13-01.log": "no date\n",
		"agent.2027-01-01.log.gz": "packed\n", "other.2027-01-01.log": "another's\n", "agent.log": "bare\n", "agent.2027-01-01.txt": "text\n",
	})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "agent.2027-01-01.log"), 0o700))
	require.Equal(t, "newest\n", tailOf(t, dir, "agent.log", 9, 100))
	require.Equal(t, "bare\n", tailOf(t, folder(t, map[string]string{"agent.log": "bare\n"}), "agent.log", 9, 100))
	for template, name := range map[string]string{"a.b.txt": "a.b.2026-01-30.txt", "kanade": "kanade.2026-01-30.log", ".log": "agent.2026-01-30.log"} {
		require.Equal(t, "x\n", tailOf(t, folder(t, map[string]string{name: "x\n"}), template, 9, 100), template)
	}
}

// A clock that was wrong for a moment leaves a log of a day that has not come.
func TestALogOfADayThatHasNotCome(t *testing.T) {
	t.Parallel()
	files := map[string]string{"agent.9999-01-01.log": "ahead\n"}
	require.Equal(t, "ahead\n", tailOf(t, folder(t, files), "agent.log", 9, 100))
	files["agent.2026-01-30.log"] = "now\n"
	require.Equal(t, "now\n", tailOf(t, folder(t, files), "agent.log", 9, 100))
}

func TestTheEarlierPartOfTheDay(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"agent.2026-01-30.1.log": "day before\n", "agent.2026-01-31.1.log": "a\nb\nc\n", "agent.2026-01-31.log": "d\ne\n",
	})
	for lines, want := range map[uint32]string{1: "e\n", 2: "d\ne\n", 3: "c\nd\ne\n", 5: "a\nb\nc\nd\ne\n", 9: "a\nb\nc\nd\ne\n"} {
		require.Equal(t, want, tailOf(t, dir, "agent.log", lines, 100), lines)
	}
	require.Equal(t, "\nd\ne\n", tailOf(t, dir, "agent.log", 9, 5), "the limit is one of both parts")
}

func TestAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := filesOf(filepath.Join(t.TempDir(), "none", "agent.log")).tail(1, 100)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = filesOf(filepath.Join(t.TempDir(), "agent.log")).tail(1, 100)
	require.ErrorIs(t, err, os.ErrNotExist)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "agent.log"), 0o700))
	_, err = filesOf(filepath.Join(dir, "agent.log")).tail(1, 100)
	require.ErrorIs(t, err, ErrNoLog)
}

// sparse makes a log of n bytes that has lines only at its end.
func sparse(t testing.TB, n int64, tail string) string {
	t.Helper()
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "agent.2026-01-31.log"))
	require.NoError(t, err)
	require.NoError(t, file.Truncate(n))
	_, err = file.WriteAt([]byte(tail), n-int64(len(tail)))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return dir
}

// countingReader counts what is read of a file.
type countingReader struct {
	*os.File
	read int64
}

func (c *countingReader) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(b, at)
	c.read += int64(n)
	return n, err
}

func TestAHugeLogIsNotReadWhole(t *testing.T) {
	t.Parallel()
	const size = 8 << 30
	dir := sparse(t, size, "\nlast but one\nlast\n")
	require.Equal(t, "last\n", tailOf(t, dir, "agent.log", 1, wire.MaxLogReply))
	require.Len(t, tailOf(t, dir, "agent.log", math.MaxUint32, wire.MaxLogReply), wire.MaxLogReply)
	file, err := os.Open(filepath.Join(dir, "agent.2026-01-31.log"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	counted := &countingReader{File: file}
	_, err = tailStart(counted, size, math.MaxUint32, wire.MaxLogReply)
	require.NoError(t, err)
	require.LessOrEqual(t, counted.read, int64(wire.MaxLogReply+blockSize))
}

// BenchmarkTail prints what a request costs: 500 lines, and all that fits, of a
// log of 64 MiB.
func BenchmarkTail(b *testing.B) {
	line := strings.Repeat("x", 119) + "\n"
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "agent.2026-01-31.log"), bytes.Repeat([]byte(line), 64<<20/len(line)), 0o600))
	for _, lines := range []uint32{500, math.MaxUint32} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tailOf(b, dir, "agent.log", lines, wire.MaxLogReply)
			}
		})
	}
}
