package exec

import (
	"fmt"
	"slices"
	"sync"
)

const (
	firstGrowth = 512
	// Each growth leaves the old buffer to the collector. By eight, then to a 32nd of the limit, then to the limit, that is
	// less than a twentieth of the limit in all.
	growthFactor = 8
	lastGrowth   = 32
	// Room for the line between head and tail, so that it is inserted without another buffer.
	markerRoom = 96
)

// capture keeps the beginning and the end of what is written to it, and counts all of it.
type capture struct {
	max   int    // bytes kept
	last  bool   // keep the end alone
	buf   []byte // the head, then the tail, which becomes a ring when buf is full
	next  int    // where the ring's oldest byte is, counted from the tail's start
	total int64  // bytes written

	users  chan struct{} // see spareUsers; nil: it may be at that step whoever else is
	joined bool
}

// headSize is two thirds of the limit; the tail gets the rest.
func (c *capture) headSize() int {
	if c.last {
		return 0
	}
	return c.max / 3 * 2
}

// Write takes all of p and never fails.
func (c *capture) Write(p []byte) (int, error) {
	c.total += int64(len(p))
	if n := c.fill(p); n < len(p) {
		c.wrap(p[n:])
	}
	return len(p), nil
}

// room is where the next bytes can be put without a copy, for put to count them; nil if Write has to take them. A buffer
// that is full may be all that is needed, so it does not grow here.
func (c *capture) room(least int) []byte {
	if c.buf == nil {
		c.grow(min(1, c.max))
	}
	if end := min(cap(c.buf), c.max); len(c.buf) < end {
		return c.buf[len(c.buf):end]
	}
	if len(c.buf) < c.max || c.max-c.headSize() < least {
		return nil
	}
	return c.buf[c.headSize()+c.next:]
}

// put counts n bytes that are in room.
func (c *capture) put(n int) {
	c.total += int64(n)
	if len(c.buf) < c.max {
		c.buf = c.buf[:len(c.buf)+n]
		return
	}
	c.next = (c.next + n) % max(1, len(c.buf)-c.headSize())
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
	size := c.nextSize(need)
	if size == spareSize && !c.joinSpareUsers() {
		size = c.max + markerRoom
	}
	old := c.buf
	c.buf = append(buffer(size), old...)
	if cap(old) == spareSize {
		spares.Put((*[spareSize]byte)(old[:spareSize]))
		c.leaveSpareUsers()
	}
}

// nextSize is the size that is to follow for need bytes: some steps, a 32nd of the limit, the limit.
func (c *capture) nextSize(need int) int {
	last := max(c.max/lastGrowth, firstGrowth)
	if size := max(need, growthFactor*cap(c.buf), firstGrowth); size < last {
		return size
	}
	if need <= last && last < c.max {
		return last
	}
	return c.max + markerRoom
}

// spares are the buffers that captures have grown out of, for others that grow: of many long outputs at once, they would
// be the most that is left to the collector.
var spares sync.Pool

// spareSize is the last step before the default limit.
const spareSize = DefaultMaxOutput / lastGrowth

func buffer(size int) []byte {
	if size != spareSize {
		return make([]byte, 0, size)
	}
	if spare, ok := spares.Get().(*[spareSize]byte); ok {
		return spare[:0]
	}
	return make([]byte, 0, spareSize)
}

// spareUsers are how many of the runs' outputs may be at that step at a time: together they take the memory of half an
// output more. While more than that grow at once, they are taken to be as long as they may be, and skip it.
var spareUsers = make(chan struct{}, lastGrowth/2)

// joinSpareUsers reports whether the step may be taken.
func (c *capture) joinSpareUsers() bool {
	if c.users == nil {
		return true
	}
	select {
	case c.users <- struct{}{}:
		c.joined = true
		return true
	default:
		return false
	}
}

func (c *capture) leaveSpareUsers() {
	if c.joined {
		<-c.users
		c.joined = false
	}
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

// finish returns what was kept. Nothing may be written afterwards. Characters that the cut went through are left out whole.
func (c *capture) finish() []byte {
	c.leaveSpareUsers()
	if !c.truncated() {
		return c.fitted()
	}
	rotate(c.buf[c.headSize():], c.next)
	c.buf = slices.Grow(c.buf, markerRoom) // there is room, but for a limit of 0
	head := withoutPartialEnd(c.buf[:c.headSize()])
	tail := withoutPartialStart(c.buf[c.headSize():])
	marker := fmt.Sprintf("\n[... %d of %d bytes left out ...]\n", c.total-int64(len(head)+len(tail)), c.total)
	whole := slices.Clip(c.buf[:len(head)+len(marker)+len(tail)])
	copy(whole[len(head)+len(marker):], tail)
	copy(whole[len(head):], marker)
	return whole
}

// fitted leaves a buffer that is mostly empty to the collector.
func (c *capture) fitted() []byte {
	if len(c.buf) < cap(c.buf)/4 {
		return slices.Clone(c.buf)
	}
	return slices.Clip(c.buf) // a spare buffer holds what others have written
}

// latest returns a copy of what is kept of the end.
func (c *capture) latest() []byte {
	ring := c.buf[c.headSize():]
	kept := append(slices.Clone(ring[c.next:]), ring[:c.next]...)
	if c.truncated() {
		return withoutPartialStart(kept)
	}
	return kept
}

// rotate moves b[n] to the front, in place.
func rotate(b []byte, n int) {
	slices.Reverse(b[:n])
	slices.Reverse(b[n:])
	slices.Reverse(b)
}
