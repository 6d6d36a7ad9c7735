package exec

import (
	"fmt"
	"slices"
)

const (
	firstGrowth = 512
	// Each growth leaves the old buffer to the collector; by four, that is a third of the limit in all.
	growthFactor = 4
	// Room for the line between head and tail, so that it is inserted without another buffer.
	markerRoom = 96
)

// capture keeps the beginning and the end of what is written to it, and counts all of it.
type capture struct {
	max   int    // bytes kept
	buf   []byte // the head, then the tail, which becomes a ring when buf is full
	next  int    // where the ring's oldest byte is, counted from the tail's start
	total int64  // bytes written
}

// headSize is two thirds of the limit; the tail gets the rest.
func (c *capture) headSize() int { return c.max / 3 * 2 }

// Write takes all of p and never fails.
func (c *capture) Write(p []byte) (int, error) {
	c.total += int64(len(p))
	if n := c.fill(p); n < len(p) {
		c.wrap(p[n:])
	}
	return len(p), nil
}

func (c *capture) fill(p []byte) int {
	n := min(len(p), c.max-len(c.buf))
	c.grow(n)
	c.buf = append(c.buf, p[:n]...)
	return n
}

func (c *capture) grow(n int) {
	need := len(c.buf) + n
	if need <= cap(c.buf) {
		return
	}
	size := max(need, growthFactor*cap(c.buf), firstGrowth)
	if size >= c.max {
		size = c.max + markerRoom
	}
	c.buf = append(make([]byte, 0, size), c.buf...)
}

func (c *capture) wrap(p []byte) {
	ring := c.buf[c.headSize():]
	if len(p) >= len(ring) {
		copy(ring, p[len(p)-len(ring):])
		c.next = 0
		return
	}
	n := copy(ring[c.next:], p)
	copy(ring, p[n:])
	c.next = (c.next + len(p)) % len(ring)
}

func (c *capture) truncated() bool { return c.total > int64(len(c.buf)) }

// finish returns what was kept. Nothing may be written afterwards.
func (c *capture) finish() []byte {
	if !c.truncated() {
		return c.buf
	}
	marker := fmt.Sprintf("\n[... %d of %d bytes left out ...]\n", c.total-int64(len(c.buf)), c.total)
	rotate(c.buf[c.headSize():], c.next)
	return slices.Insert(c.buf, c.headSize(), []byte(marker)...)
}

// rotate moves b[n] to the front, in place.
func rotate(b []byte, n int) {
	slices.Reverse(b[:n])
	slices.Reverse(b[n:])
	slices.Reverse(b)
}
