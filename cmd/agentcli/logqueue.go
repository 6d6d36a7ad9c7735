package agentcli

import (
	"bytes"
	"io"
	"sync"
	"time"
)

const (
	// maxQueuedLines is what the fleet's agents have always let wait; the bytes bound
	// what that may cost in memory.
	maxQueuedLines = 128_000
	maxQueuedBytes = 16 << 20
	// queuePiece is how much is written at once: as much as a failure may cost.
	queuePiece = 64 << 10
)

// lineQueue is a writer that never waits and never fails: one goroutine, run,
// hands the lines on to a writer that may do both. Where that one falls behind by
// more than the bounds, or fails, lines are dropped and counted, and the place
// where they are missing is marked as soon as there is one.
type lineQueue struct {
	out io.Writer
	// missing is the line that stands where lines are missing: how many there, and how
	// many since the start.
	missing  func(there, all uint64) []byte
	maxLines int
	maxBytes int

	mu       sync.Mutex
	pending  []byte
	lines    int           // that wait or are being written
	size     int           // of them, in bytes
	taken    uint64        // lines that came in, without those that were dropped
	settled  uint64        // of those, written or given up
	dropped  uint64        // lines, since the start
	overflow uint64        // of those, the ones that found no room since the last line that did
	failed   uint64        // of those, the ones that could not be written since the last one that could
	stalled  bool          // a flush has waited in vain, and nothing was settled since
	ended    bool          // nothing more comes in
	progress chan struct{} // closed, and replaced, when lines are settled
	wake     chan struct{} // holds one signal
}

func newLineQueue(out io.Writer, missing func(there, all uint64) []byte) *lineQueue {
	return &lineQueue{
		out: out, missing: missing, maxLines: maxQueuedLines, maxBytes: maxQueuedBytes,
		progress: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Write takes one line, or several that belong together, with their ends.
func (q *lineQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := bytes.Count(line, lineEnd)
	if q.ended || q.lines+count > q.maxLines || q.size+len(line) > q.maxBytes {
		q.dropped += uint64(count)
		q.overflow += uint64(count)
		return len(line), nil
	}
	q.markOverflow()
	q.add(line, count)
	q.signal()
	return len(line), nil
}

var lineEnd = []byte{'\n'}

func (q *lineQueue) add(text []byte, count int) {
	q.pending = append(q.pending, text...)
	q.lines, q.size, q.taken = q.lines+count, q.size+len(text), q.taken+uint64(count)
}

// markOverflow is outside of the bounds: one line for each time that they were met.
func (q *lineQueue) markOverflow() {
	if q.overflow > 0 {
		mark := q.missing(q.overflow, q.dropped)
		q.overflow = 0
		q.add(mark, bytes.Count(mark, lineEnd))
	}
}

func (q *lineQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run writes until end was called and nothing is left. An idle queue costs nothing:
// there is no ticker.
func (q *lineQueue) run() {
	var spare []byte
	for {
		batch, ended := q.take(spare)
		if len(batch) == 0 {
			if ended {
				return
			}
			<-q.wake
			continue
		}
		for rest := batch; len(rest) > 0; {
			var piece []byte
			piece, rest = cutPiece(rest)
			q.write(piece)
		}
		if spare = batch; cap(spare) > queuePiece {
			spare = nil // what a stall has cost is given back
		}
	}
}

// take returns what waits, and leaves spare in its place; if nothing waits, spare is
// still the caller's.
func (q *lineQueue) take(spare []byte) (batch []byte, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		q.markOverflow()
	}
	if len(q.pending) == 0 {
		return nil, q.ended
	}
	batch, q.pending = q.pending, spare[:0]
	return batch, q.ended
}

// cutPiece cuts at the end of a line, if there is one.
func cutPiece(text []byte) (piece, rest []byte) {
	if len(text) <= queuePiece {
		return text, nil
	}
	end := bytes.LastIndexByte(text[:queuePiece], '\n') + 1
	if end == 0 {
		if end = bytes.IndexByte(text, '\n') + 1; end == 0 {
			end = len(text)
		}
	}
	return text[:end], text[end:]
}

func (q *lineQueue) write(piece []byte) {
	_, err := q.out.Write(q.marked(piece))
	count := bytes.Count(piece, lineEnd)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines, q.size, q.settled = q.lines-count, q.size-len(piece), q.settled+uint64(count)
	q.stalled, q.failed = false, q.failed+uint64(count)
	if err == nil {
		q.failed = 0
	} else {
		q.dropped += uint64(count)
	}
	close(q.progress)
	q.progress = make(chan struct{})
}

// marked puts before a piece what could not be written before it.
func (q *lineQueue) marked(piece []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed == 0 {
		return piece
	}
	return append(q.missing(q.failed, q.dropped), piece...)
}

// flush waits until what is in the queue now is written, but no longer than that;
// false: it is not. Once it has waited in vain, it does not wait again until
// something could be written.
func (q *lineQueue) flush(wait time.Duration) bool {
	var timer *time.Timer
	target := q.through()
	for {
		there, progress, stalled := q.reached(target)
		if there || stalled {
			return there
		}
		if timer == nil {
			timer = time.NewTimer(wait)
			defer timer.Stop()
		}
		select {
		case <-progress:
		case <-timer.C:
			q.stall(target)
		}
	}
}

func (q *lineQueue) through() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

func (q *lineQueue) reached(target uint64) (there bool, progress <-chan struct{}, stalled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.settled >= target, q.progress, q.stalled
}

func (q *lineQueue) stall(target uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stalled = q.settled < target
}

// end lets run return when it has written what there is.
func (q *lineQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.signal()
}

// lost is how many lines were dropped since the start, and how many wait.
func (q *lineQueue) lost() (dropped uint64, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped, q.lines
}
