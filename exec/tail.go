package exec

import (
	"io"
	"sync"
)

// DefaultTail is how many bytes of each stream a [Tail] keeps by default: 128 KiB.
const DefaultTail = 128 << 10

// Tail keeps the end of what a run has written so far, for whoever looks while the run goes on: see [Spec.Tail]. The zero
// value is ready, keeps DefaultTail bytes of each stream, and takes memory as output comes. It may be read at any time from
// any goroutine, also after the run. Runs that share a Tail are not told apart.
type Tail struct {
	limit          int
	stdout, stderr tailStream
}

// NewTail keeps limit bytes of each stream; 0 or less stands for DefaultTail.
func NewTail(limit int) *Tail { return &Tail{limit: limit} }

// Stdout is where the standard output goes of work that is not a script: a run writes to its Tail by itself. The writer
// never fails, and that of a nil Tail discards.
func (t *Tail) Stdout() io.Writer {
	stdout, _ := t.streams()
	return stdout
}

// Stderr is Stdout for the other stream.
func (t *Tail) Stderr() io.Writer {
	_, stderr := t.streams()
	return stderr
}

// TailSnapshot is the end of both streams at one moment. The texts are valid UTF-8, begin with a whole character, and belong
// to the caller. The totals count all bytes written so far.
type TailSnapshot struct {
	Stdout, Stderr           []byte
	StdoutTotal, StderrTotal int64
}

// Snapshot returns what there is now.
func (t *Tail) Snapshot() TailSnapshot {
	var s TailSnapshot
	s.Stdout, s.StdoutTotal = t.stdout.snapshot()
	s.Stderr, s.StderrTotal = t.stderr.snapshot()
	return s
}

// streams are the places that a run writes to; none without a Tail.
func (t *Tail) streams() (stdout, stderr *tailStream) {
	if t == nil {
		return nil, nil
	}
	limit := t.limit
	if limit <= 0 {
		limit = DefaultTail
	}
	t.stdout.open(limit)
	t.stderr.open(limit)
	return &t.stdout, &t.stderr
}

type tailStream struct {
	mu   sync.Mutex
	kept capture
}

func (t *tailStream) open(limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept.max == 0 {
		t.kept = capture{max: limit, last: true}
	}
}

// Write implements io.Writer.
func (t *tailStream) Write(p []byte) (int, error) {
	t.write(p)
	return len(p), nil
}

func (t *tailStream) write(p []byte) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.kept.Write(p)
}

func (t *tailStream) snapshot() ([]byte, int64) {
	kept, total := t.latest()
	return validText(kept, decodeConsole), total
}

func (t *tailStream) latest() ([]byte, int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept.latest(), t.kept.total
}
