package command

import (
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// Bounds of what is kept of commands that have ended: for a minute, as whoever
// looks may have missed the end, and never more than this.
const (
	tailKept      = time.Minute
	maxEndedTails = 1000
	maxEndedBytes = 16 << 20
)

// Tails has the end of what commands write, while they run and for a minute
// after. A nil one has nothing.
type Tails struct {
	pcID string

	mu    sync.Mutex
	live  map[string]*exec.Tail // by result ID
	ended []endedTail           // the oldest first
	bytes int                   // of ended
	timer *time.Timer           // set while there is one in ended
}

type endedTail struct {
	resultID string
	at       time.Time
	last     wire.JobTail
}

// NewTails returns the tails of a host's commands.
func NewTails(pcID string) *Tails {
	return &Tails{pcID: pcID, live: make(map[string]*exec.Tail)}
}

// Begin returns the place for the output of a run that begins, until end.
func (t *Tails) Begin(c wire.Command) (tail *exec.Tail, end func()) {
	if t == nil {
		return nil, func() {}
	}
	tail, resultID := &exec.Tail{}, wire.ResultID(c.RequestID, t.pcID)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live[resultID] = tail
	return tail, func() { t.end(resultID, tail) }
}

// end keeps what was last seen. The tail itself has room for more.
func (t *Tails) end(resultID string, tail *exec.Tail) {
	last := tailOf(tail)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, resultID)
	t.ended = append(t.ended, endedTail{resultID: resultID, at: time.Now(), last: last})
	t.bytes += size(last)
	for len(t.ended) > maxEndedTails || t.bytes > maxEndedBytes {
		t.dropOldest()
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(tailKept, t.expire)
	}
}

// dropOldest is called with the lock held.
func (t *Tails) dropOldest() {
	t.bytes -= size(t.ended[0].last)
	t.ended = slices.Delete(t.ended, 0, 1)
}

func (t *Tails) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.ended) > 0 && time.Since(t.ended[0].at) >= tailKept {
		t.dropOldest()
	}
	if len(t.ended) == 0 {
		t.ended, t.timer = nil, nil
		return
	}
	t.timer.Reset(tailKept - time.Since(t.ended[0].at))
}

// Tail is what there is of the run with this result ID.
func (t *Tails) Tail(resultID string) wire.JobTail {
	t.mu.Lock()
	tail, running := t.live[resultID]
	var last wire.JobTail
	for _, e := range slices.Backward(t.ended) {
		if e.resultID == resultID {
			last = e.last
			break
		}
	}
	t.mu.Unlock()
	if !running {
		return last
	}
	last = tailOf(tail)
	last.Running = true
	return last
}

func tailOf(tail *exec.Tail) wire.JobTail {
	s := tail.Snapshot()
	return wire.JobTail{
		Found: true, Stdout: string(s.Stdout), Stderr: string(s.Stderr),
		StdoutTruncated: s.StdoutTotal > exec.DefaultTail, StderrTruncated: s.StderrTotal > exec.DefaultTail,
	}
}

func size(t wire.JobTail) int { return len(t.Stdout) + len(t.Stderr) }

// maxTailRequest is how large a request may be, in bytes.
const maxTailRequest = 4 << 10

// Answer answers a request in at most limit bytes. One that cannot be read asks
// for a run that nobody knows.
func (t *Tails) Answer(request []byte, limit int) []byte {
	if len(request) > maxTailRequest {
		return wire.JobTail{}.Encode(limit)
	}
	q, err := wire.DecodeJobTailRequest(request)
	if err != nil {
		return wire.JobTail{}.Encode(limit)
	}
	return t.Tail(q.ResultID).Encode(limit)
}
