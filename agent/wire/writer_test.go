package wire

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestAppendString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                      `""`,
		"a\"b\\c/d":             `"a\"b\\c/d"`,
		"\n\r\t\b\f":            `"\n\r\t\b\f"`,
		"\x00\x01\x0b\x1b\x1f":  `"\u0000\u0001\u000b\u001b\u001f"`,
		"\x7f<>&'":              "\"\x7f<>&'\"",
		"\u2028\u2029é😀\uFFFD":  "\"\u2028\u2029é😀\uFFFD\"",
		"a\xff\xfeb":            "\"a\uFFFD\uFFFDb\"",
		"\xe2\x82":              "\"\uFFFD\uFFFD\"",
		"\xed\xa0\x80":          "\"\uFFFD\uFFFD\uFFFD\"",
		"x\xf0\x9f\x98":         "\"x\uFFFD\uFFFD\uFFFD\"",
		strings.Repeat("ä", 99): `"` + strings.Repeat("ä", 99) + `"`,
	} {
		require.Equal(t, want, string(appendString(nil, in)))
		require.Equal(t, "x"+want, string(appendString([]byte("x"), in)))
	}
}

// TestStandardLibraryReadsWhatIsWritten writes random documents and has
// encoding/json read them.
func TestStandardLibraryReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		v := Result{
			ResultID: randomText(rnd), RequestID: randomText(rnd), ExecID: randomText(rnd), PCID: randomText(rnd),
			ExitCode: int32(rnd.Uint32()), Stdout: randomText(rnd), Stderr: randomText(rnd),
			StartedAt: randomTime(rnd), FinishedAt: randomTime(rnd), ManifestID: randomText(rnd),
		}
		data := v.Encode()
		var got struct {
			ResultID   string    `json:"result_id"`
			RequestID  string    `json:"request_id"`
			ExecID     string    `json:"exec_id"`
			PCID       string    `json:"pc_id"`
			ExitCode   int32     `json:"exit_code"`
			Stdout     string    `json:"stdout"`
			Stderr     string    `json:"stderr"`
			StartedAt  time.Time `json:"started_at"`
			FinishedAt time.Time `json:"finished_at"`
			ManifestID string    `json:"manifest_id"`
		}
		require.NoError(t, json.Unmarshal(data, &got), "%s", data)
		valid := func(s string) string { return string([]rune(s)) }
		require.Equal(t, Result{
			ResultID: valid(v.ResultID), RequestID: valid(v.RequestID), ExecID: valid(v.ExecID), PCID: valid(v.PCID),
			ExitCode: v.ExitCode, Stdout: valid(v.Stdout), Stderr: valid(v.Stderr),
			StartedAt: v.StartedAt, FinishedAt: v.FinishedAt, ManifestID: valid(v.ManifestID),
		}, Result{
			ResultID: got.ResultID, RequestID: got.RequestID, ExecID: got.ExecID, PCID: got.PCID,
			ExitCode: got.ExitCode, Stdout: got.Stdout, Stderr: got.Stderr,
			StartedAt: got.StartedAt, FinishedAt: got.FinishedAt, ManifestID: got.ManifestID,
		})
		again, err := DecodeResult(data)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again.Encode()))
	}
}

// TestReadsWhatTheStandardLibraryWrites compares the decoder with
// encoding/json on payloads that encoding/json wrote.
func TestReadsWhatTheStandardLibraryWrites(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		value := randomValue(rnd, 4)
		payload, err := json.Marshal(value)
		require.NoError(t, err)
		out, err := canonicalPayload(payload)
		require.NoError(t, err, "%s", payload)
		require.JSONEq(t, string(payload), string(out))
		again, err := canonicalPayload(out)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
	}
}

func randomText(rnd *rand.Rand) string {
	var b strings.Builder
	for range rnd.IntN(20) {
		switch rnd.IntN(6) {
		case 0:
			b.WriteByte(byte(rnd.Uint32()))
		case 1:
			b.WriteByte(byte(rnd.IntN(32)))
		case 2:
			b.WriteRune(rune(rnd.IntN(0x11_0000)))
		case 3:
			b.WriteString([]string{`"`, `\`, "<&>", "\u2028", "\u2029", "\uFFFD", "\x7f"}[rnd.IntN(7)])
		default:
			b.WriteByte(byte('a' + rnd.IntN(26)))
		}
	}
	return b.String()
}

func randomTime(rnd *rand.Rand) time.Time {
	unit := []int64{1, 1_000, 1_000_000, 1_000_000_000}[rnd.IntN(4)]
	return time.Unix(rnd.Int64N(100_000_000_000), rnd.Int64N(1_000_000_000/unit)*unit).UTC()
}

func randomValue(rnd *rand.Rand, depth int) any {
	kinds := 7
	if depth == 0 {
		kinds = 5
	}
	switch rnd.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return rnd.IntN(2) == 0
	case 2:
		return string([]rune(randomText(rnd)))
	case 3:
		return rnd.Int64() - rnd.Int64()
	case 4:
		return rnd.NormFloat64() * []float64{1e-9, 1e-5, 1, 1e9, 1e16, 1e300}[rnd.IntN(6)]
	case 5:
		list := make([]any, rnd.IntN(4))
		for i := range list {
			list[i] = randomValue(rnd, depth-1)
		}
		return list
	default:
		object := map[string]any{}
		for range rnd.IntN(40) {
			object[string([]rune(randomText(rnd)))] = randomValue(rnd, depth-2+depth%2)
		}
		return object
	}
}

// TestBigDocuments would take hours if any step looked at a long string again
// and again.
func TestBigDocuments(t *testing.T) {
	t.Parallel()
	const (
		huge = 10 << 20 // ten times what a broker takes by default
		size = 1 << 20
	)
	for name, text := range map[string]string{
		"plain":     strings.Repeat("x", size),
		"lines":     strings.Repeat("one line of output\r\n", huge/20),
		"controls":  strings.Repeat("\x01", size),
		"non-ASCII": strings.Repeat("ä", size/2),
		"invalid":   strings.Repeat("\xff", size),
	} {
		v := resultFiles["contract/result.json"]
		v.Stdout = text
		read, err := DecodeResult(v.Encode())
		require.NoError(t, err, name)
		require.Equal(t, utf8.RuneCountInString(text), utf8.RuneCountInString(read.Stdout), name)
	}

	c := minimal()
	c.Script = strings.Repeat(`"quoted" `, size/9)
	data, err := c.Encode()
	require.NoError(t, err)
	read, err := DecodeCommand(data)
	require.NoError(t, err)
	require.Zero(t, strings.Compare(c.Script, read.Script), "the script differs; too long to print")

	_, err = DecodeCommand([]byte(with(manyKeys(50_000))))
	require.NoError(t, err)
	_, err = DecodeCommand([]byte(with(`"zz":"` + strings.Repeat(`\u00e9`, size/6) + `"`)))
	require.NoError(t, err)
	_, err = DecodeCommand([]byte(timeout(strings.Repeat("1", size))))
	require.ErrorIs(t, err, ErrDecode)
}
