package agentcli

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVisibleWriter(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain é 世\n\t": "plain é 世\n\t", "\x1b[2J\x00\x7f\r": `\u001b[2J\u0000\u007f\u000d`, "a\u202eb\u009b": `a\u202eb\u009b`,
		"\xff": `\ufffd`, "é\xc3": `é\ufffd`, "\U000e0001": `\udb40\udc01`,
	} {
		var out bytes.Buffer
		w := newVisibleWriter(&out)
		for i := range len(in) {
			_, err := w.Write([]byte{in[i]})
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.Equal(t, want, out.String())
	}
	require.Equal(t, `"\x1b[2J"`, visible("\x1b[2J"))
	require.Equal(t, "plain name", visible("plain name"))
	require.Equal(t, `""`, visible(""))
}

func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	silent := newProgress(&out, "results")
	silent.at(1, 2)
	silent.end()
	require.Empty(t, out.String())
	p := &progress{out: &out, what: "results"}
	p.at(1, 20000)
	p.at(2, 20000)
	p.end()
	require.Equal(t, "\rresults: 1 of 20000\r"+strings.Repeat(" ", 19)+"\r", out.String())
}

func TestAgesAndSizes(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", time.Minute: "1m", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 2*year - 1: "729d", 2 * year: "2y", 1 << 62: "146y", math.MaxInt64: "over 292y", math.MinInt64: "0s"} {
		require.Equal(t, want, age(d))
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 64 << 20: "64.0 MiB", 3 << 40: "3.0 TiB", 1<<20 - 1: "1.0 MiB", math.MaxInt64: "8.0 EiB"} {
		require.Equal(t, want, size(n))
	}
}

func TestWhatAnErrorRepeats(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"a\x1b\tb"`, quoted("a\x1b\tb"))
	require.Equal(t, `"`+strings.Repeat("é", mostQuoted-1)+`…"`, quoted(strings.Repeat("é", 1000)))
	require.Equal(t, "abcdef…xyz", withoutMiddle("abcdefghijklmnopqrstuvwxyz", 10))
	require.Equal(t, "abc", withoutMiddle("abc", 3))
	require.Equal(t, `a\u001b[2J é`, printable("a\x1b[2J é"))
}

// File systems have years that JSON has not.
func TestTimesInJSON(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]int{-44: 0, 0: 0, 2026: 2026, 9999: 9999, 10000: 9999, 1 << 20: 9999} {
		got := inJSON(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC))
		require.Equal(t, want, got.Year())
		_, err := json.Marshal(got)
		require.NoError(t, err)
	}
}
