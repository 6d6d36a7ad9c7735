package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzLine(f *testing.F) {
	sum := Sum{1, 2, 3}
	for _, l := range []line{
		{Op: opAccept, Key: Key{9}, Sum: &sum, At: time.Unix(1, 0).UTC(), Body: []byte(`{"id":"x"}`)},
		{Op: opVerdict, Key: Key{9}, Sum: &sum, Result: []byte("r")},
		{Op: opStart, Key: Key{9}, Attempt: 2},
		{Op: opFinish, Key: Key{9}, Stamp: time.Unix(5, 7).UTC()},
	} {
		encoded, err := l.encode()
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Add([]byte("00000000 \n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := decodeLine(trimNewline(raw))
		if err != nil {
			require.ErrorIs(t, err, errTorn)
			return
		}
		encoded, err := l.encode()
		require.NoError(t, err)
		again, err := decodeLine(trimNewline(encoded))
		require.NoError(t, err)
		require.Equal(t, l, again)
	})
}
