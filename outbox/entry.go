package outbox

import (
	"container/heap"
	"io/fs"
	"math"
	"path"
	"strings"
	"time"
)

// entry stands for one file of the folder. Its 64 bytes, its name and its place
// in the index make about 180 bytes, however large the file is.
type entry struct {
	file    string // path in the box, with a slash: "a.json", "stuck/a.json"
	modTime int64  // ns since 1970: the first key of the order
	size    int64
	retryAt time.Duration // since the index was made: no step of the clock moves it

	owed *Record // what the hook gets; nil: what the file says

	// The index guards these.
	weight  kib  // what it takes of the window while it is taken
	seat    seat // and where
	place   place
	rank    rank
	corrupt bool // it could not be decoded
	// synced means that the file and its name survive a power cut: it was
	// written, or checked, by this process.
	synced bool

	// What follows, and owed, belongs to whoever has taken the entry.
	acked    bool   // stored by the broker, hook or removal still owed
	tries    tally  // failures in a row
	refusals tally  // those of them that count towards quarantine
	sentSeen uint16 // deliveries of the whole box when it was last refused, the low bits
}

// kib is a number of bytes in units of 1 KiB, rounded up.
type kib uint32

func kibOf(bytes int64) kib { return kib(min((bytes+1<<10-1)>>10, math.MaxUint32)) }

func (k kib) bytes() int64 { return int64(k) << 10 }

// tally counts up to its largest value and stays there.
type tally uint16

func (t *tally) add() { *t = max(*t+1, *t) }

// place is where the index keeps an entry.
type place uint8

const (
	ready   place = iota // waits for its turn
	waiting              // waits for retryAt
	taken                // being delivered, moved or dropped
)

func newEntry(info fs.FileInfo, file string) *entry {
	return &entry{file: file, modTime: info.ModTime().UnixNano(), size: info.Size()}
}

// stuck tells whether the file is in quarantine.
func (e *entry) stuck() bool { return inQuarantine(e.file) }

func inQuarantine(file string) bool { return strings.HasPrefix(file, stuckFolder+"/") }

// name is what the codec is told: the file's name without its ending.
func (e *entry) name() string { return recordName(e.file) }

func recordName(file string) string { return strings.TrimSuffix(path.Base(file), fileSuffix) }

// byAge is a heap of entries: what is fresh first, what may be bad after the rest, what is stuck last; then
// oldest first, names in byte order within the same instant.
type byAge []*entry

func (h byAge) Len() int      { return len(h) }
func (h byAge) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byAge) Push(x any)   { *h = append(*h, x.(*entry)) }
func (h *byAge) Pop() any     { return popLast((*[]*entry)(h)) }
func (h byAge) Less(i, j int) bool {
	if h[i].rank != h[j].rank {
		return h[i].rank < h[j].rank
	}
	return older(h[i], h[j])
}

func older(a, b *entry) bool {
	if a.modTime != b.modTime {
		return a.modTime < b.modTime
	}
	return a.file < b.file
}

// rank is the first key of the order.
type rank int8

const (
	freshRank rank = iota - 1 // put while nothing got through: may be tried ahead of the backlog
	usualRank
	doubtfulRank // refused before
	stuckRank
)

// ranked is the rank of an entry that becomes ready.
func (e *entry) ranked() rank {
	switch {
	case e.rank == freshRank:
		return freshRank
	case e.stuck():
		return stuckRank
	case e.refusals > 0:
		return doubtfulRank
	default:
		return usualRank
	}
}

// byRetry is a heap of entries, the next to be retried first.
type byRetry []*entry

func (h byRetry) Len() int           { return len(h) }
func (h byRetry) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byRetry) Push(x any)        { *h = append(*h, x.(*entry)) }
func (h *byRetry) Pop() any          { return popLast((*[]*entry)(h)) }
func (h byRetry) Less(i, j int) bool { return h[i].retryAt < h[j].retryAt }

func popLast(s *[]*entry) *entry {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return e
}

// heapRemove takes the i-th element out of a heap.
func heapRemove[H interface {
	heap.Interface
	*byAge | *byRetry
}](h H, i int) *entry {
	return heap.Remove(h, i).(*entry)
}
