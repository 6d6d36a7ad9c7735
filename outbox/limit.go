package outbox

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Overflow says what a Put does when the outbox is full.
type Overflow int

const (
	// OverflowReject lets Put return [ErrFull]. Nothing is ever lost; the
	// caller has to wait, or to push back on its own source.
	OverflowReject Overflow = iota
	// OverflowDropOldest deletes the oldest pending records that are not in
	// flight to make room, and counts them in [Stats].Dropped. When there are
	// none, Put returns [ErrFull]; and so it does, deleting none, when all of
	// them would not bring the disk to the floor of [WithFreeDisk].
	OverflowDropOldest
)

// limits bound the folder; zero: no limit.
type limits struct {
	records  int
	bytes    int64
	freeDisk int64
	record   int64
	overflow Overflow
}

// room is part of the folder's limits, held by a Put under way.
type room struct {
	records int
	bytes   int64
}

// hold reserves room for records and bytes, if the limits leave that much.
func (ix *index) hold(l limits, more room) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	records := len(ix.files) + ix.held.records + more.records
	bytes := ix.sum.bytes + ix.held.bytes + more.bytes
	if l.records > 0 && records > l.records || l.bytes > 0 && bytes > l.bytes {
		return false
	}
	ix.held.records += more.records
	ix.held.bytes += more.bytes
	return true
}

// hopeless tells whether there would be no room even if all that may be dropped
// were: quarantine takes too much.
func (ix *index) hopeless(l limits, more room) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	records := ix.sum.stuck + ix.held.records + more.records
	bytes := ix.sum.stuckBytes + ix.held.bytes + more.bytes
	return l.records > 0 && records > l.records || l.bytes > 0 && bytes > l.bytes
}

func (ix *index) unhold(r room) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.held.records -= r.records
	ix.held.bytes -= r.bytes
}

// relaxed tells whether a tenth of every limit is free.
func (ix *index) relaxed(l limits) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return (l.records == 0 || len(ix.files) <= l.records-max(l.records/10, 1)) &&
		(l.bytes == 0 || ix.sum.bytes <= l.bytes-max(l.bytes/10, 1))
}

// putRoom is the room that one Put holds; it grows as the file is written.
type putRoom struct {
	o       *Outbox
	r       Record
	held    room
	written int64
}

// begin finds room for the record as far as its size is known beforehand.
func (p *putRoom) begin() error {
	size := int64(len(p.r.Data))
	if err := p.o.checkSize(size); err != nil {
		return err
	}
	if err := p.o.checkDisk(size); err != nil {
		return err
	}
	return p.grow(room{records: 1, bytes: size})
}

func (p *putRoom) end() { p.o.index.unhold(p.held) }

func (p *putRoom) grow(more room) error {
	for !p.o.index.hold(p.o.opt.limits, more) {
		if p.o.index.hopeless(p.o.opt.limits, more) || !p.o.dropOldest() {
			p.o.overflowed("limit reached")
			return ErrFull
		}
	}
	p.held.records += more.records
	p.held.bytes += more.bytes
	return nil
}

// into counts what is written to w and stops it at the limits.
func (p *putRoom) into(w io.Writer) io.Writer {
	return writerFunc(func(data []byte) (int, error) {
		p.written += int64(len(data))
		if err := p.o.checkSize(p.written); err != nil {
			return 0, err
		}
		if more := p.written - p.held.bytes; more > 0 {
			if err := p.grow(room{bytes: more}); err != nil {
				return 0, err
			}
		}
		return w.Write(data)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// checkSize refuses what can never be stored, before anything is dropped for it.
func (o *Outbox) checkSize(size int64) error {
	l := o.opt.limits
	if l.record > 0 && size > l.record || l.bytes > 0 && size > l.bytes {
		return ErrTooLarge
	}
	return nil
}

// checkDisk keeps the floor of free disk space, by dropping if that is the
// policy.
func (o *Outbox) checkDisk(size int64) error {
	floor := o.opt.limits.freeDisk
	if floor == 0 {
		return nil
	}
	free, err := o.freeDisk()
	if err != nil {
		return err
	}
	if free-size >= floor || o.dropBytes(floor-(free-size), size) {
		return nil
	}
	o.overflowed(almostFull)
	return fmt.Errorf("%w: %d bytes of disk space are free", ErrFull, free)
}

const almostFull = "disk is almost full"

// maxDropBatch is how many records a Put takes away from their delivery at once.
const maxDropBatch = 512

// dropBytes drops the oldest records until size more bytes find room on the
// disk, or until their files had need bytes: some file systems do not show at
// once what was freed, and waiting for that would empty the box. When all that
// may be dropped has less than need bytes, somebody else fills the disk, and
// nothing is dropped.
func (o *Outbox) dropBytes(need, size int64) bool {
	if o.opt.limits.overflow != OverflowDropOldest || !o.index.droppable(need) {
		return false
	}
	enough := func() bool {
		free, err := o.freeDisk()
		return err == nil && free-size >= o.opt.limits.freeDisk
	}
	freed := int64(0)
	for n := 1; freed < need; n = min(8*n, maxDropBatch) {
		batch := o.index.takeOldest(n)
		if len(batch) == 0 { // others took the rest
			return enough()
		}
		for i, e := range batch {
			if freed >= need || enough() {
				o.giveBack(batch[i:])
				return true
			}
			if !o.drop(e, almostFull) {
				o.giveBack(batch[i+1:])
				return false
			}
			freed += e.size
		}
	}
	return true
}

func (o *Outbox) giveBack(batch []*entry) {
	for _, e := range batch {
		o.index.release(e)
	}
	o.signal()
}

// diskMeter is an ability of a file system in tests.
type diskMeter interface {
	FreeDisk(dir string) (int64, error)
}

func (o *Outbox) freeDisk() (int64, error) {
	if m, ok := o.opt.fs.(diskMeter); ok {
		return m.FreeDisk(o.dir)
	}
	return freeDisk(o.dir)
}

// dropOldest makes room by deleting a record, if that is the policy.
func (o *Outbox) dropOldest() bool {
	if o.opt.limits.overflow != OverflowDropOldest {
		return false
	}
	oldest := o.index.takeOldest(1)
	return len(oldest) > 0 && o.drop(oldest[0], "limit reached")
}

// drop deletes a taken record.
func (o *Outbox) drop(e *entry, why string) bool {
	err := atomicfile.TryRemove(o.opt.fs, o.path(e.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.opt.log.Debug("oldest record cannot be dropped", "file", e.file, "error", err)
		o.giveBack([]*entry{e})
		return false
	}
	o.index.drop(e)
	o.count.dropped.Add(1)
	o.overflowed(why)
	return true
}

// droppable tells whether the files of what may be dropped have so many bytes in
// all.
func (ix *index) droppable(bytes int64) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.sum.bytes-ix.sum.stuckBytes < bytes {
		return false
	}
	for _, all := range [][]*entry{ix.ready, ix.waiting} {
		for _, e := range all {
			if e.mayDrop() {
				bytes -= e.size
			}
			if bytes <= 0 {
				return true
			}
		}
	}
	return false
}

// takeOldest takes the n oldest entries that wait for their delivery, the oldest
// first, or fewer. It looks at all of them: an outbox that drops has other
// worries than that.
func (ix *index) takeOldest(n int) []*entry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if n == 1 {
		return ix.takeOneLocked()
	}
	var all []*entry
	for _, some := range [][]*entry{ix.ready, ix.waiting} {
		for _, e := range some {
			if e.mayDrop() {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		if older(a, b) {
			return -1
		}
		return 1
	})
	oldest := slices.Clone(all[:min(n, len(all))])
	for _, e := range oldest {
		e.place, e.rank = taken, usualRank
	}
	isTaken := func(e *entry) bool { return e.place == taken }
	ix.ready = slices.DeleteFunc(ix.ready, isTaken)
	ix.waiting = slices.DeleteFunc(ix.waiting, isTaken)
	heap.Init(&ix.ready)
	heap.Init(&ix.waiting)
	return oldest
}

func (ix *index) takeOneLocked() []*entry {
	i, j := oldestOf(ix.ready), oldestOf(ix.waiting)
	var e *entry
	switch {
	case i < 0 && j < 0:
		return nil
	case j < 0 || i >= 0 && older(ix.ready[i], ix.waiting[j]):
		e = heapRemove(&ix.ready, i)
	default:
		e = heapRemove(&ix.waiting, j)
	}
	e.place, e.rank = taken, usualRank
	return []*entry{e}
}

// mayDrop is only for entries that wait.
func (e *entry) mayDrop() bool { return !e.stuck() && !e.acked }

func oldestOf(all []*entry) int {
	oldest := -1
	for i, e := range all {
		if e.mayDrop() && (oldest < 0 || older(e, all[oldest])) {
			oldest = i
		}
	}
	return oldest
}

// overflowed and relaxed report the change, not every Put.
func (o *Outbox) overflowed(why string) {
	if o.full.CompareAndSwap(false, true) {
		s := o.index.stats()
		o.opt.log.Warn("outbox is full", "why", why, "drops_oldest", o.opt.limits.overflow == OverflowDropOldest,
			"pending", s.Pending, "bytes", s.Bytes, "stuck", s.Stuck)
	}
}

func (o *Outbox) relaxed() {
	if o.full.Load() && o.index.relaxed(o.opt.limits) && o.full.CompareAndSwap(true, false) {
		o.opt.log.LogAttrs(context.Background(), slog.LevelInfo, "outbox has room again", slog.Uint64("dropped", o.count.dropped.Load()))
	}
}
