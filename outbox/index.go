package outbox

import (
	"container/heap"
	"sync"
	"time"
)

const (
	// blockedAfter failures in a row that are the broker's own (nothing takes
	// the message, or nobody answers) mean that trying the rest is pointless.
	blockedAfter = 8
	// probeMin is then the pause between two tries. It doubles up to probeMax,
	// until one gets through: a try costs about 0.7 ms of CPU time in a process
	// that does nothing else.
	probeMin = 100 * time.Millisecond
	probeMax = time.Second
)

// index is the outbox's picture of its folder: which files are there, in which
// order and from when on they may be tried. It does no I/O. All entries but the
// ones that are taken are in a heap or parked; an entry that is taken belongs to
// its taker until one of release, postpone, moved or drop gives it back.
type index struct {
	began time.Time

	mu      sync.Mutex
	files   map[string]*entry
	upper   map[string]int // folded names of files that are not their own fold
	claims  map[string]*claim
	ready   byAge
	waiting byRetry
	parked  []*entry // large ones that wait for a loader
	loads   int      // large ones that are being loaded
	width   width
	quota   int // takes that are left to a Flush; negative: no limit
	sum     sums
	ages    byModTime
	held    room // reserved by Puts under way

	threshold int64         // files above it are large
	row       int           // failures of the broker's own since the last delivery
	silent    bool          // no answer at all for a while, since the last delivery
	probe     time.Duration // the pause between the last two tries of a blockade
	nextProbe time.Time
}

// sums are kept in step with files.
type sums struct {
	stuck, corrupt    int
	bytes, stuckBytes int64 // bytes are those of all files
}

func newIndex(window int) *index {
	return &index{
		began:  time.Now(),
		files:  map[string]*entry{},
		upper:  map[string]int{},
		claims: map[string]*claim{},
		width:  newWidth(window),
		quota:  -1,
	}
}

// addLocked enters a file, ready to be taken, if it is not known yet.
func (ix *index) addLocked(e *entry) {
	if ix.files[e.file] != nil {
		return
	}
	ix.keepLocked(e)
	ix.readyLocked(e)
}

func (ix *index) keepLocked(e *entry) {
	ix.files[e.file] = e
	if f := fold(e.file); f != e.file {
		ix.upper[f]++
	}
	ix.countLocked(e, 1)
	ix.agesLocked(e)
}

func (ix *index) forgetLocked(e *entry) {
	if ix.files[e.file] != e {
		return
	}
	delete(ix.files, e.file)
	ix.countLocked(e, -1)
	ix.trimAgesLocked()
	f := fold(e.file)
	if f == e.file {
		return
	}
	if ix.upper[f]--; ix.upper[f] == 0 {
		delete(ix.upper, f)
	}
}

func (ix *index) countLocked(e *entry, n int) {
	ix.sum.bytes += int64(n) * e.size
	if e.stuck() {
		ix.sum.stuck += n
		ix.sum.stuckBytes += int64(n) * e.size
	}
	if e.corrupt {
		ix.sum.corrupt += n
	}
}

func (ix *index) readyLocked(e *entry) {
	e.place, e.rank = ready, e.ranked()
	heap.Push(&ix.ready, e)
}

func (ix *index) waitLocked(e *entry, until time.Time) {
	e.place, e.retryAt = waiting, until.Sub(ix.began)
	heap.Push(&ix.waiting, e)
}

// promote makes every entry ready whose pause is over at now.
func (ix *index) promote(now time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for len(ix.waiting) > 0 && ix.waiting[0].retryAt <= now.Sub(ix.began) {
		ix.readyLocked(heap.Pop(&ix.waiting).(*entry))
	}
}

// promoteAll ends every pause but those of stuck entries: the connection is a
// new one.
func (ix *index) promoteAll() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.promoteAllLocked()
	for _, e := range ix.parked {
		ix.readyLocked(e)
	}
	ix.parked = nil
	ix.flowsLocked()
	ix.width.widen()
}

func (ix *index) promoteAllLocked() {
	all := ix.waiting
	ix.waiting = nil
	for _, e := range all {
		if e.stuck() {
			heap.Push(&ix.waiting, e)
		} else {
			ix.readyLocked(e)
		}
	}
}

// nextDue is when an entry can be taken that cannot be now, by the clock alone.
func (ix *index) nextDue() (time.Time, bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.blockedLocked() && len(ix.ready) > 0 && ix.width.fits(ix.ready[0].load()) {
		return ix.nextProbe, true
	}
	if len(ix.waiting) == 0 {
		return time.Time{}, false
	}
	return ix.began.Add(ix.waiting[0].retryAt), true
}

// release gives a taken entry back as if it had not been tried.
func (ix *index) release(e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.landLocked(e)
	ix.readyLocked(e)
}

// postpone gives a taken entry back, to be tried again at a time.
func (ix *index) postpone(e *entry, at time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.landLocked(e)
	ix.waitLocked(e, at)
}

// moved gives a taken entry back under another file name.
func (ix *index) moved(e *entry, file string, at time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.landLocked(e)
	ix.forgetLocked(e)
	e.file = file
	ix.keepLocked(e)
	ix.waitLocked(e, at)
}

// drop gives a taken entry back whose file is gone.
func (ix *index) drop(e *entry) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.landLocked(e)
	ix.forgetLocked(e)
}

// setCorrupt notes whether a file can be decoded.
func (ix *index) setCorrupt(e *entry, corrupt bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if e.corrupt == corrupt {
		return
	}
	known := ix.files[e.file] == e
	if known {
		ix.countLocked(e, -1)
	}
	e.corrupt = corrupt
	if known {
		ix.countLocked(e, 1)
	}
}

func (ix *index) stats() Stats {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s := Stats{
		Pending: len(ix.files) - ix.sum.stuck, Bytes: ix.sum.bytes - ix.sum.stuckBytes, Oldest: ix.oldestLocked(),
		InFlight: ix.width.count + ix.width.late + ix.loads,
		Stuck:    ix.sum.stuck, StuckBytes: ix.sum.stuckBytes, Corrupt: ix.sum.corrupt,
	}
	if ix.sum.stuck > 0 {
		s.OldestStuck = ix.oldestStuckLocked()
	}
	return s
}

func (ix *index) oldestStuckLocked() time.Time {
	oldest := int64(0)
	for _, e := range ix.files {
		if e.stuck() && (oldest == 0 || e.modTime < oldest) {
			oldest = e.modTime
		}
	}
	return time.Unix(0, oldest).UTC()
}
