package exec

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// kept is what capture must return, from everything that was written.
func kept(all []byte, limit int) string {
	if len(all) <= limit {
		return string(all)
	}
	head := limit / 3 * 2
	return fmt.Sprintf("%s\n[... %d of %d bytes left out ...]\n%s",
		all[:head], len(all)-limit, len(all), all[len(all)-(limit-head):])
}

func TestCapture(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{1, 2, 3, 4, 7, 100, 511, 512, 513, 2047, 2048, 5000} {
		for _, longest := range []int{1, 3, 50, 6000} {
			for _, writes := range []int{0, 1, 2, 10, 300} {
				c := capture{max: limit}
				var all []byte
				for range writes {
					p := make([]byte, random.IntN(longest+1))
					for i := range p {
						p[i] = byte('a' + random.IntN(26))
					}
					n, err := c.Write(p)
					require.NoError(t, err)
					require.Equal(t, len(p), n)
					all = append(all, p...)
				}
				require.Equal(t, len(all) > limit, c.truncated())
				require.Equal(t, kept(all, limit), string(c.finish()))
			}
		}
	}
}

func TestCaptureGrowsWithUse(t *testing.T) {
	t.Parallel()
	c := capture{max: 8 << 20}
	require.Zero(t, cap(c.buf))
	_, _ = c.Write(make([]byte, 10))
	require.LessOrEqual(t, cap(c.buf), 1024)
	_, _ = c.Write(make([]byte, 100<<10))
	require.LessOrEqual(t, cap(c.buf), 400<<10)
}

func TestCaptureFinishesInPlace(t *testing.T) {
	t.Parallel()
	c := capture{max: 1 << 20}
	block := bytes.Repeat([]byte("x"), 30_000)
	for range 100 {
		_, _ = c.Write(block)
	}
	c.total = math.MaxInt64 // the longest marker
	before := &c.buf[0]
	out := c.finish()
	require.Same(t, before, &out[0])
	require.Less(t, len(out), 1<<20+markerRoom)
}
