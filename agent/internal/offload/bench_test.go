package offload

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkScan reads results of 1 MiB, and BenchmarkDigest, as the limit, only
// digests as much.
func BenchmarkScan(b *testing.B) {
	for name, unit := range map[string]string{
		"lines": "a line of output is about as long as this one, which has 64.  \r\n", "plain": "x", "runes": "é€😀", "controls": "\x01",
	} {
		b.Run(name, func(b *testing.B) {
			file := result(strings.Repeat(unit, 1<<20/len(unit)), "").Encode()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				require.NoError(b, Verify(bytes.NewReader(file)))
			}
		})
	}
}

func BenchmarkDigest(b *testing.B) {
	file := make([]byte, 1<<20)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		_, err := io.Copy(sha256.New(), bytes.NewReader(file))
		require.NoError(b, err)
	}
}
