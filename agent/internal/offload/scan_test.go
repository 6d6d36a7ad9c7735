package offload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// with is a result whose streams are these JSON values.
func with(stdout, stderr string) string {
	return `{"request_id":"r","pc_id":"PC","exit_code":0,"stdout":` + stdout + `,"stderr":` + stderr +
		`,"started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:02Z"}`
}

const rest = `"request_id":"r","pc_id":"PC","exit_code":0,"started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:02Z"`

// files are documents in all the forms that a result can have, and some more.
var files = map[string]string{
	"plain":                   with(`"out"`, `"err"`),
	"empty":                   with(`""`, `""`),
	"escapes":                 with(`"a\"b\\c\/d\b\f\n\r\t\u0000\u00e9\u20AC"`, `"\ud83d\ude00\uD83D\uDE00"`),
	"raw runes":               with(`"é€😀"`, "\"\u2028\x7f<>&\""),
	"other order and blanks":  " \n{ \"stderr\" : \"e\" ,\t\"stdout\"\r\n:\n\"o\" , " + rest + " } \n",
	"unknown fields":          `{"skipped":false,"x":{"stdout":"not this","a":["stdout",{"stderr":1}]},"stdout":"o","stderr":"e","y":["}","\"",-1.5e+3],` + rest + `}`,
	"escaped keys":            `{"\u0073tdout":"o","std\u0065rr":"e",` + rest + `}`,
	"keys that are close":     `{"Stdout":"1","stdout ":"2","stdout\n":"3","stdout":"o","stderr":"e",` + rest + `}`,
	"a value named like it":   `{"a":"stdout","stdout":"o","b":"stderr","stderr":"e",` + rest + `}`,
	"pointers":                `{"stdout_object":"old/key","stdout":"o","stderr_object": null ,"stderr":"e",` + rest + `}`,
	"escaped pointer":         `{"stdout_objec\u0074":"a,}b\"","stdout":"o","stderr":"e",` + rest + `}`,
	"pointer at the end":      `{"stdout":"o","stderr":"e",` + rest + `,"stderr_object":"k"}`,
	"twice":                   `{"stdout":"o","stdout":"p","stderr":"e",` + rest + `}`,
	"twice, once escaped":     `{"stdout":"o","std\u006fut":"p","stderr":"e",` + rest + `}`,
	"null":                    with(`null`, `"e"`),
	"a number":                with(`1`, `"e"`),
	"an object":               with(`{"stdout":"x"}`, `"e"`),
	"missing":                 `{"stderr":"e",` + rest + `}`,
	"lone high surrogate":     with(`"\ud83d"`, `""`),
	"lone low surrogate":      with(`"\ude00"`, `""`),
	"high, high":              with(`"\ud83d\ud83d"`, `""`),
	"high, then a letter":     with(`"\ud83dabcdef"`, `""`),
	"high, then an escape":    with(`"\ud83d\nabcdef"`, `""`),
	"high, then \\u00e9":      with(`"\ud83d\u00e9"`, `""`),
	"unknown escape":          with(`"\x"`, `""`),
	"bad hex":                 with(`"\u00g0"`, `""`),
	"bad hex in the low half": with(`"\ud83d\ude0g"`, `""`),
	"control character":       with("\"a\nb\"", `""`),
	"NUL":                     with("\"a\x00b\"", `""`),
	"not UTF-8":               with("\"a\xffb\"", `""`),
	"half a rune":             with("\"a\xe2\x82\"", `""`),
	"half a rune, an escape":  with("\"a\xe2\\u0082\"", `""`),
	"a surrogate in UTF-8":    with("\"\xed\xa0\x80\"", `""`),
	"no end":                  `{"stdout":"abc`,
	"ends in an escape":       `{"stdout":"abc\`,
	"ends in \\u":             `{"stdout":"abc\u00`,
	"ends after high":         `{"stdout":"abc\ud83d`,
	"ends in a rune":          "{\"stdout\":\"abc\xe2\x82",
	"no comma":                `{"stdout":"o" "stderr":"e",` + rest + `}`,
	"no colon":                `{"stdout" "o","stderr":"e",` + rest + `}`,
	"unbalanced":              `{"stdout":"o"],"stderr":"e",` + rest + `}`,
	"an array around":         `[` + with(`"o"`, `"e"`) + `]`,
	"an array of pairs":       `["stdout":"o","stderr":"e",` + rest + `]`,
	"two documents":           with(`"o"`, `"e"`) + with(`"o"`, `"e"`),
	"nothing":                 "",
	"blanks":                  " \n ",
	"zeros":                   "\x00\x00\x00\x00",
	"deep":                    `{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `,"stdout":"o","stderr":"e",` + rest + `}`,
	"the wrong time":          strings.Replace(with(`"o"`, `"e"`), "2031-03-04T05:00:02Z", "tomorrow", 1),
	"a byte order mark":       "\ufeff" + with(`"o"`, `"e"`),
}

func TestScanReadsWhatTheWireReads(t *testing.T) {
	t.Parallel()
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkScan(t, []byte(file))
		})
	}
}

// checkScan compares a scan, and what is made of it, with package wire.
func checkScan(t *testing.T, file []byte) {
	t.Helper()
	want, wantErr := wire.DecodeResult(file)
	doc, err := scan(inPieces(bytes.NewReader(file), len(file)), measure)
	whole, wholeErr := scan(bytes.NewReader(file), measure)
	require.Equal(t, err == nil, wholeErr == nil, "%v, %v", err, wholeErr)
	if wantErr != nil {
		require.ErrorIs(t, err, wire.ErrDecode, "%v", wantErr)
		require.ErrorIs(t, Verify(bytes.NewReader(file)), wire.ErrDecode)
		return
	}
	require.NoError(t, err)
	require.NoError(t, Verify(bytes.NewReader(file)))
	require.Equal(t, doc, whole)
	for i, text := range []string{want.Stdout, want.Stderr} {
		require.EqualValues(t, len(text), doc.texts[i].size)
		r, err := doc.texts[i].open(bytes.NewReader(file))
		require.NoError(t, err)
		got, err := io.ReadAll(inPieces(r, len(file)))
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	for _, keys := range [][streams]string{{}, {"a/\"b", ""}, {"", "c"}, {"a", "b"}} {
		checkSplice(t, file, doc, want, keys)
	}
}

// inPieces hands out a short file byte by byte, and a long one in odd portions.
func inPieces(r io.Reader, size int) io.Reader {
	if size < 4<<10 {
		return iotest.OneByteReader(r)
	}
	return iotest.HalfReader(r)
}

func checkSplice(t *testing.T, file []byte, doc *document, want wire.Result, keys [streams]string) {
	t.Helper()
	data, err := doc.splice(bytes.NewReader(file), keys)
	require.NoError(t, err)
	require.LessOrEqual(t, int64(len(data)), doc.encoded(keys))
	if keys == [streams]string{} {
		require.Equal(t, string(file), string(data))
	}
	if keys[stdout] != "" {
		want.Stdout, want.StdoutObject = "", keys[stdout]
	}
	if keys[stderr] != "" {
		want.Stderr, want.StderrObject = "", keys[stderr]
	}
	got, err := wire.DecodeResult(data)
	require.NoError(t, err, "%s", data)
	require.Equal(t, want, got)
	require.Equal(t, others(t, file), others(t, data))
}

// others are the members that a result keeps whatever its output is, as
// encoding/json reads them.
func others(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	for _, name := range []string{"stdout", "stderr", "stdout_object", "stderr_object"} {
		delete(all, name)
	}
	return all
}

func FuzzScan(f *testing.F) {
	for _, file := range files {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) { checkScan(t, file) })
}

// FuzzText compares the text reader with encoding/json on the inside of a
// string, whatever the buffers' sizes cut it into.
func FuzzText(f *testing.F) {
	for _, text := range []string{`a\n\ud83d\ude00é`, `\ud83d`, `\u00e`, "\xe2\x82", `"rest`, "€€€€€€€€€€€€€€€€€"} {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, inside []byte, size int) {
		size = 1 + max(size, -size)%9
		file := []byte(with(`"`+string(inside)+`"`, `""`))
		want, err := wire.DecodeResult(file)
		if err != nil {
			return
		}
		var model struct{ Stdout string }
		require.NoError(t, json.Unmarshal(file, &model))
		require.Equal(t, want.Stdout, model.Stdout)
		doc, err := scan(bytes.NewReader(file), measure)
		require.NoError(t, err)
		r, err := doc.texts[stdout].open(bytes.NewReader(file))
		require.NoError(t, err)
		var got bytes.Buffer
		_, err = io.CopyBuffer(onlyWriter{&got}, onlyReader{r}, make([]byte, size))
		require.NoError(t, err)
		require.Equal(t, model.Stdout, got.String())
	})
}

type onlyReader struct{ io.Reader }

// Long texts cross the buffers' ends at every offset.
func TestTextsLongerThanTheBuffers(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"plain": "x", "runes": "€", "long runes": "😀", "lines": "one line of output\r\n", "controls": "\x01", "quotes": `"\`,
		"mixed": "a\x00é\"€\\😀\n",
	} {
		for shift := range 8 {
			t.Run(fmt.Sprint(name, shift), func(t *testing.T) {
				t.Parallel()
				text := strings.Repeat("s", shift) + strings.Repeat(unit, 3*bufferSize/len(unit))
				checkScan(t, wire.Result{RequestID: "r", PCID: "PC", Stdout: text, Stderr: text}.Encode())
			})
		}
		t.Run(name+", all escaped", func(t *testing.T) {
			t.Parallel()
			checkScan(t, []byte(with(`"`+escapeAll(strings.Repeat(unit, 2*bufferSize/len(unit)))+`"`, `""`)))
		})
	}
}

// escapeAll writes every rune as \uXXXX.
func escapeAll(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xFFFF {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04X\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func TestAFileThatCannotBeReadIsNoBadFile(t *testing.T) {
	t.Parallel()
	file := with(`"`+strings.Repeat("x", 2*bufferSize)+`"`, `""`)
	for _, n := range []int{0, 5, 70, bufferSize + 100} {
		_, err := scan(io.MultiReader(strings.NewReader(file[:n]), iotest.ErrReader(errBadDisk)), measure)
		require.ErrorIs(t, err, errBadDisk)
		require.NotErrorIs(t, err, wire.ErrDecode)
	}
}

func TestWhatIsNotOutputIsBounded(t *testing.T) {
	t.Parallel()
	huge := `{"x":"` + strings.Repeat("y", maxRest) + `",` + rest + `,"stdout":"o","stderr":"e"}`
	require.ErrorIs(t, Verify(strings.NewReader(huge)), errTooLarge)
}

func TestEightBytesAtATimeAreAsOneByOne(t *testing.T) {
	t.Parallel()
	for at := range 24 {
		for c := range 256 {
			for _, others := range []byte{'x', '\x7f', ' ', '!', '#', '[', ']', 0xc3, 0xff} {
				src := bytes.Repeat([]byte{others}, 24)
				src[at] = byte(c)
				want := 24
				if !plain[c] {
					want = at
				}
				dst := make([]byte, 25)
				n, ascii := copyPlain(dst, src)
				require.Equal(t, want, n, "%q at %d", c, at)
				require.Equal(t, src[:n], dst[:n])
				require.Equal(t, bytes.IndexFunc(src[:n], func(r rune) bool { return r >= utf8.RuneSelf }) < 0, ascii)
			}
		}
	}
}

func TestTheTablesAgree(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		var s string
		err := json.Unmarshal([]byte{'"', byte(c), '"'}, &s)
		require.Equal(t, plain[c], err == nil || c >= utf8.RuneSelf, "%q", c)
		err = json.Unmarshal([]byte{'"', '\\', byte(c), '"'}, &s)
		require.Equal(t, unescaped[c] != 0, err == nil, "%q", c)
	}
}
