package outbox

import "time"

// narrowest is how far failures shrink the window: enough that a few records
// that hang do not stop the others, few enough that a host whose stream is
// missing costs the broker almost nothing, whatever its backlog.
const narrowest = 4

// width is the window of records being delivered. Failures halve it, successes
// double it. The index guards it.
type width struct {
	max, now int
	count    int // of records in the window
	late     int // of records that have left the window without an answer
	bytes    int64
}

func newWidth(window int) width { return width{max: window, now: window} }

// fits tells whether one more record of size bytes may start. A record larger
// than all the room there is starts alone.
func (w *width) fits(size int64) bool {
	return w.count == 0 && w.bytes == 0 || w.count < w.now && w.bytes+size <= windowBytes
}

func (w *width) begin(size int64) { w.count++; w.bytes += size }
func (w *width) end(size int64)   { w.count--; w.bytes -= size }
func (w *width) grow()            { w.now = min(2*w.now, w.max) }
func (w *width) widen()           { w.now = w.max }
func (w *width) shrink()          { w.now = max(w.now/2, min(narrowest, w.max)) }

// flight is one record between its publish and the broker's answer.
type flight struct {
	token      uint64 // counts from 1 in the order of the publishes
	e          *entry
	r          Record // without Data unless the hook wants it
	sent       time.Time
	late       bool
	prev, next *flight
}

// flights is a list in the order of the publishes.
type flights struct{ first, last *flight }

func (l *flights) push(f *flight) {
	f.prev, f.next = l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

func (l *flights) remove(f *flight) {
	if f.prev == nil {
		l.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		l.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}
