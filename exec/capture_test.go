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

// What is put into the room that there is, is kept as if it had been written.
func TestCaptureRoom(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for _, limit := range []int{0, 1, 2, 3, 7, 100, 512, 513, 5000, 20_000, 200_000} {
		for _, longest := range []int{1, 50, 6000} {
			for _, least := range []int{1, 100, 1 << 20} {
				c := capture{max: limit}
				var all []byte
				for range random.IntN(400) {
					p := make([]byte, 1+random.IntN(longest))
					for i := range p {
						p[i] = byte('a' + random.IntN(26))
					}
					if room := c.room(least); len(room) > 0 && random.IntN(4) > 0 {
						p = p[:copy(room, p)]
						c.put(len(p))
					} else {
						_, _ = c.Write(p)
					}
					all = append(all, p...)
				}
				require.Equal(t, len(all) > limit, c.truncated())
				require.Equal(t, kept(all, limit), string(c.finish()), "%d %d %d", limit, longest, least)
			}
		}
	}
}

// A look for room takes no memory for bytes that may never come: a silent stream has 512 bytes, and a buffer that is just
// full stays.
func TestCaptureMakesNoRoomInAdvance(t *testing.T) {
	t.Parallel()
	c := capture{max: 8 << 20}
	require.Len(t, c.room(readSize), firstGrowth)
	for _, size := range []int{firstGrowth, 4096, 32 << 10, 256 << 10} {
		_, _ = c.Write(make([]byte, size-len(c.buf)))
		require.Equal(t, size, cap(c.buf))
		require.Nil(t, c.room(readSize))
		require.Equal(t, size, cap(c.buf))
	}
	_, _ = c.Write([]byte{0})
	require.Equal(t, 8<<20+markerRoom, cap(c.buf))
}

// Buffers are used again; what others have left in them is never seen.
func TestCaptureShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	for i := range 20 {
		c := capture{max: DefaultMaxOutput}
		want := bytes.Repeat([]byte{byte('a' + i)}, []int{50_000, 200_000, DefaultMaxOutput, 10}[i%4])
		for begin := 0; begin < len(want); begin += readSize {
			_, _ = c.Write(want[begin:min(begin+readSize, len(want))])
		}
		out := c.finish()
		require.True(t, bytes.Equal(want, out))
		require.True(t, bytes.Equal(want, bytes.TrimRight(out[:cap(out)], "\x00")))
	}
}

// Of many outputs that grow at once only some take the step before the limit; those that end leave it to others.
func TestCapturesShareTheLastStep(t *testing.T) {
	t.Parallel()
	users := make(chan struct{}, 2)
	grown := func() *capture {
		c := &capture{max: DefaultMaxOutput, users: users}
		for range 10 {
			_, _ = c.Write(make([]byte, 20_000))
		}
		return c
	}
	first, second, third := grown(), grown(), grown()
	require.Equal(t, spareSize, cap(first.buf))
	require.Equal(t, spareSize, cap(second.buf))
	require.Equal(t, DefaultMaxOutput+markerRoom, cap(third.buf))
	_ = third.finish()
	require.Len(t, users, 2)
	_ = first.finish() // an output of medium length
	require.Len(t, users, 1)
	_, _ = second.Write(make([]byte, spareSize)) // a long one
	require.Empty(t, users)
	_ = second.finish()
	require.Empty(t, users)
	require.Equal(t, spareSize, cap(grown().buf))
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
