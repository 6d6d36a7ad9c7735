package outbox

import (
	"container/heap"
	"sync"
	"time"
)

// index is the outbox's picture of its folder: which files are there, in which
// order and from when on they may be tried. It does no I/O. All entries but the
// ones in flight are in a heap; an entry in flight belongs to its taker until
// one of release, postpone, setCorrupt or drop gives it back.
type index struct {
	mu      sync.Mutex
	files   map[string]*entry
	upper   map[string]int // folded names of files that are not their own fold
	claims  map[string]*claim
	ready   byAge
	waiting byRetry
	corrupt int
	flight  flight
	quota   int // takes that are left to a Flush; negative: no limit
}

func newIndex(window int) *index {
	return &index{
		files:  map[string]*entry{},
		upper:  map[string]int{},
		claims: map[string]*claim{},
		flight: newFlight(window),
		quota:  -1,
	}
}

// addLocked enters a file, ready to be taken, if it is not known yet.
func (ix *index) addLocked(e *entry) {
	if ix.files[e.file] != nil {
		return
	}
	ix.files[e.file] = e
	if f := fold(e.file); f != e.file {
		ix.upper[f]++
	}
	heap.Push(&ix.ready, e)
}

// take hands out the oldest entry that is ready, if the window has room for it.
func (ix *index) take() *entry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if len(ix.ready) == 0 || ix.quota == 0 || !ix.flight.fits(ix.ready[0].size) {
		return nil
	}
	e := heap.Pop(&ix.ready).(*entry)
	e.place = taken
	ix.flight.begin(e.size)
	if ix.quota > 0 {
		ix.quota--
	}
	return e
}

// promote makes every entry ready whose pause is over at now.
func (ix *index) promote(now time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for len(ix.waiting) > 0 && !ix.waiting[0].retryAt.After(now) {
		ix.readyLocked(heap.Pop(&ix.waiting).(*entry))
	}
}

// promoteAll ends every pause: the connection is a new one.
func (ix *index) promoteAll() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, e := range ix.waiting {
		ix.readyLocked(e)
	}
	clear(ix.waiting)
	ix.waiting = ix.waiting[:0]
	ix.flight.widen()
}

func (ix *index) readyLocked(e *entry) {
	e.place = ready
	heap.Push(&ix.ready, e)
}

// nextRetry is when the next pause ends.
func (ix *index) nextRetry() (time.Time, bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if len(ix.waiting) == 0 {
		return time.Time{}, false
	}
	return ix.waiting[0].retryAt, true
}

// release gives a taken entry back as if it had not been tried.
func (ix *index) release(e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.flight.end(e.size)
	ix.readyLocked(e)
}

// postpone gives a taken entry back, to be tried again at a time.
func (ix *index) postpone(e *entry, at time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.flight.end(e.size)
	e.place, e.retryAt = waiting, at
	heap.Push(&ix.waiting, e)
}

// setCorrupt gives a taken entry back, not to be tried as long as its file
// stays as it is.
func (ix *index) setCorrupt(e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.flight.end(e.size)
	e.place = corrupt
	ix.corrupt++
}

// drop gives a taken entry back whose file is gone.
func (ix *index) drop(e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.flight.end(e.size)
	ix.forgetLocked(e)
}

func (ix *index) forgetLocked(e *entry) {
	if ix.files[e.file] != e {
		return
	}
	delete(ix.files, e.file)
	f := fold(e.file)
	if f == e.file {
		return
	}
	if ix.upper[f]--; ix.upper[f] == 0 {
		delete(ix.upper, f)
	}
}

// published and refused let the window grow and shrink.
func (ix *index) published() { ix.mu.Lock(); ix.flight.grow(); ix.mu.Unlock() }
func (ix *index) refused()   { ix.mu.Lock(); ix.flight.shrink(); ix.mu.Unlock() }

// setQuota limits what can be taken from now on to the entries that are ready
// now, and returns their number.
func (ix *index) setQuota() int {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.quota = len(ix.ready)
	return ix.quota
}

func (ix *index) noQuota() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.quota = -1
}

// quotaUsed tells whether nothing is left to take and nothing in flight.
func (ix *index) quotaUsed() bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.flight.count == 0 && (ix.quota == 0 || len(ix.ready) == 0)
}
