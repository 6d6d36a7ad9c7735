package outbox

import (
	"container/heap"
	"time"
)

// take hands out the next entry that may be tried at now, if there is room for
// it.
func (ix *index) take(now time.Time) *entry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if e := ix.takeParkedLocked(); e != nil {
		return e
	}
	for len(ix.ready) > 0 && ix.quota != 0 {
		e := ix.ready[0]
		large := ix.largeLocked(e)
		fits := large || ix.width.fits(e.load())
		if !fits && !ix.mayStandLocked(e) || !ix.mayProbeLocked(e, now) {
			return nil
		}
		heap.Pop(&ix.ready)
		if ix.quota > 0 {
			ix.quota--
		}
		switch {
		case !fits:
			return ix.standLocked(e)
		case !large:
			return ix.beginLocked(e, e.load())
		}
		ix.parked = append(ix.parked, e)
		if e := ix.takeParkedLocked(); e != nil {
			return e
		}
	}
	return nil
}

// load is how much of the window's bytes an entry takes. What is acknowledged
// is not published again.
func (e *entry) load() int64 {
	if e.acked {
		return 0
	}
	return e.size
}

func (ix *index) beginLocked(e *entry, weight int64) *entry {
	e.place, e.rank = taken, usualRank
	e.weight, e.seat = kibOf(weight), inWindow
	ix.width.begin(e.weight.bytes())
	return e
}

// mayStandLocked tells whether an entry may be tried although the window is full
// of others that get no answer: it may be for another stream.
func (ix *index) mayStandLocked(e *entry) bool {
	return e.rank == freshRank && ix.width.late < ix.width.max && ix.width.bytes+e.load() <= windowBytes
}

// standLocked begins an entry outside of the window.
func (ix *index) standLocked(e *entry) *entry {
	e.place, e.rank = taken, usualRank
	e.weight, e.seat = kibOf(e.load()), lateSeat
	ix.width.late++
	ix.width.bytes += e.weight.bytes()
	return e
}

// largeLocked tells whether an entry has to be loaded by the WithLarge hook.
func (ix *index) largeLocked(e *entry) bool {
	return ix.isLarge(e) && !e.acked
}

func (ix *index) isLarge(e *entry) bool { return ix.threshold > 0 && e.size > ix.threshold }

// takeParkedLocked hands out a large entry when a loader is free. It takes no
// part of the window until it is loaded.
func (ix *index) takeParkedLocked() *entry {
	if len(ix.parked) == 0 || ix.loads == maxLoads {
		return nil
	}
	e := ix.parked[0]
	ix.parked = ix.parked[1:]
	e.place, e.rank, e.seat = taken, usualRank, inLoader
	ix.loads++
	return e
}

// loaded moves a large entry into the window, at the size of what is published
// in its stead.
func (ix *index) loaded(e *entry, weight int64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.landLocked(e)
	e.weight, e.seat = kibOf(weight), inWindow
	ix.width.begin(e.weight.bytes())
}

// seat is what a taken entry occupies.
type seat uint8

const (
	nowhere seat = iota
	inWindow
	lateSeat // out of the window, its answer may still come
	inLoader
)

// landLocked gives back what a taken entry occupies.
func (ix *index) landLocked(e *entry) {
	switch e.seat {
	case inWindow:
		ix.width.end(e.weight.bytes())
	case lateSeat:
		ix.width.late--
		ix.width.bytes -= e.weight.bytes()
	case inLoader:
		ix.loads--
	case nowhere:
	}
	e.seat, e.weight = nowhere, 0
}

// overtaken lets others use the place in the window of an entry that waits for
// an answer which later ones already have. keep says that its content is still
// in memory.
func (ix *index) overtaken(e *entry, keep bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if e.seat != inWindow {
		return
	}
	weight := e.weight
	ix.landLocked(e)
	e.seat = lateSeat
	ix.width.late++
	if keep {
		e.weight = weight
		ix.width.bytes += weight.bytes()
	}
}

// delivered lets the window grow. The first delivery after a blockade ends the
// pauses that the blockade has caused.
func (ix *index) delivered() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.width.grow()
	if ix.blockedLocked() {
		ix.promoteAllLocked()
	}
	ix.flowsLocked()
}

// flowsLocked ends a blockade.
func (ix *index) flowsLocked() { ix.row, ix.silent, ix.probe = 0, false, 0 }

// unavailable lets the window shrink: the broker takes nothing.
func (ix *index) unavailable() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.width.shrink()
	ix.row++
}

// unanswered notes that even the oldest record in the window has waited for too
// long, and none after it was answered.
func (ix *index) unanswered() {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.silent = true
}

func (ix *index) blockedLocked() bool { return ix.row >= blockedAfter && ix.quota < 0 }

// mayProbeLocked holds entries back while nothing gets through, but for what
// was put since then: it may be for another stream.
func (ix *index) mayProbeLocked(e *entry, now time.Time) bool {
	if !ix.blockedLocked() || e.rank == freshRank {
		return true
	}
	if now.Before(ix.nextProbe) {
		return false
	}
	ix.probe = min(max(2*ix.probe, probeMin), probeMax)
	ix.nextProbe = now.Add(ix.probe)
	return true
}

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
	return ix.width.count+ix.width.late+ix.loads+len(ix.parked) == 0 && (ix.quota == 0 || len(ix.ready) == 0)
}
