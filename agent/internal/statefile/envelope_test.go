package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The form on disk is what earlier releases wrote, and read: hosts go back to them.
func TestTheFormOnDisk(t *testing.T) {
	t.Parallel()
	const rest = `"sha256":"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862","body":{"a":1}}` + "\n"
	const of, alone = `{"format":1,"pc_id":"PC-1",` + rest, `{"format":1,` + rest
	require.Equal(t, strings.Split(of, ","), strings.Split(string(sealed(t, map[string]int{"a": 1})), ","), "to the byte")
	data, err := seal("", map[string]int{"a": 1})
	require.NoError(t, err)
	require.Equal(t, strings.Split(alone, ","), strings.Split(string(data), ","))
}

// Every single bit matters.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	good := sealed(t, someDocument)
	for i := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[i] ^= 1 << bit
			var got document
			if open(data, "PC-1", &got) == nil {
				require.Equal(t, someDocument, got, "byte %d, bit %d", i, bit)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	good, err := seal("PC-1", someDocument)
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte(`{"format":1,"sha256":"","body":null}`))
	f.Add([]byte(`{"format":1,"pc_id":"PC-1","sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","body":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var body document
		err := open(data, "PC-1", &body)
		if err != nil {
			require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer) || errors.Is(err, ErrForeign), "%v", err)
			return
		}
		require.True(t, json.Valid(data))
		again, err := seal("PC-1", body)
		require.NoError(t, err)
		var same document
		require.NoError(t, open(again, "PC-1", &same))
		require.Equal(t, body, same)
	})
}
