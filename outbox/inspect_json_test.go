package outbox

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCopyJSON(t *testing.T) {
	t.Parallel()
	for text, torn := range map[string]bool{
		`{}`: false, `[]`: false, ` { "a" : [ 1 , -0.5e+10 , true , false , null , "x\u00e9\n" ] } `: false,
		`"` + strings.Repeat("é", 40000) + `"`: false, `0`: false, `-`: true, `1.`: true, `1e`: true, `01`: false, `+1`: false,
		``: true, ` `: true, `{`: true, `{"a`: true, `{"a"`: true, `{"a":`: true, `{"a":1`: true, `{"a":1,`: true, `[1,`: true, `[1,]`: false,
		`{,}`: false, `{"a" 1}`: false, `{1:2}`: false, `"\x"`: false, `"\u00g0"`: false, `"\`: true, `"\u00`: true, "\"\n\"": false,
		`{} {}`: false, "{}\x00": true, "\x00\x00": true, `tru`: true, `trux`: false, `nul`: true, "\"\xff\"": false, "\"\xc3": true,
		strings.Repeat("[", maxDepth+1): false, strings.Repeat("[", maxDepth): true, `{"a":1}}`: false, `[1}`: false,
	} {
		checkCopyJSON(t, text)
		_, err := copyJSON(io.Discard, strings.NewReader(text), 0)
		if torn {
			require.ErrorIs(t, err, errTorn, "%.40q", text)
		} else {
			require.NotErrorIs(t, err, errTorn, "%.40q", text)
		}
	}
}

func checkCopyJSON(t testing.TB, text string) {
	t.Helper()
	var out, want bytes.Buffer
	isUTF8, err := copyJSON(&out, iotest(strings.NewReader(text)), 0)
	if !json.Valid([]byte(text)) {
		require.Error(t, err, "%.80q", text)
		return
	}
	require.NoError(t, err, "%.80q", text)
	require.NoError(t, json.Compact(&want, []byte(text)))
	require.Equal(t, want.String(), out.String())
	require.Equal(t, isUTF8, json.Valid(out.Bytes()) && strings.ToValidUTF8(text, "") == text)
	var cut bytes.Buffer
	_, err = copyJSON(&cut, strings.NewReader(text), 8)
	require.NoError(t, err)
	require.True(t, json.Valid(cut.Bytes()), "%.80q", cut.String())
}

// iotest gives a byte at a time.
func iotest(r io.Reader) io.Reader { return oneByte{r} }

type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(1, len(p))]) }

func FuzzCopyJSON(f *testing.F) {
	for _, text := range []string{referenceResult, `[1,{"a":"\u00e9"}]`, "\"\xc3\xa9\xff\"", `-0.0e-1`, "{\"a\":\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkCopyJSON(t, text) })
}
