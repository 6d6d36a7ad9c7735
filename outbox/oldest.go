package outbox

import (
	"container/heap"
	"time"
)

// byModTime is a heap of entries, the oldest first. Entries that have gone stay
// in it until they come to the top, or are too many: a record costs it one push.
type byModTime []*entry

func (h byModTime) Len() int           { return len(h) }
func (h byModTime) Less(i, j int) bool { return h[i].modTime < h[j].modTime }
func (h byModTime) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byModTime) Push(x any)        { *h = append(*h, x.(*entry)) }
func (h *byModTime) Pop() any          { return popLast((*[]*entry)(h)) }

// agesSpare is how many gone entries are kept besides as many as are there.
const agesSpare = 64

func (ix *index) agesLocked(e *entry) {
	if !e.stuck() {
		heap.Push(&ix.ages, e)
		ix.trimAgesLocked()
	}
}

// trimAgesLocked makes the heap anew once most of it is gone.
func (ix *index) trimAgesLocked() {
	if len(ix.ages) <= 2*len(ix.files)+agesSpare {
		return
	}
	ix.ages = make(byModTime, 0, len(ix.files))
	for _, e := range ix.files {
		if !e.stuck() {
			ix.ages = append(ix.ages, e)
		}
	}
	heap.Init(&ix.ages)
}

// oldestLocked returns the modification time of the oldest pending file, or the
// zero time.
func (ix *index) oldestLocked() time.Time {
	for len(ix.ages) > 0 {
		e := ix.ages[0]
		if ix.files[e.file] == e && !e.stuck() {
			return time.Unix(0, e.modTime).UTC()
		}
		heap.Pop(&ix.ages)
	}
	return time.Time{}
}
