package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

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
	// none, Put returns [ErrFull].
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
		if !p.o.dropOldest() {
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
// policy. A dropped file has to free as much as the new one takes.
func (o *Outbox) checkDisk(size int64) error {
	if o.opt.limits.freeDisk == 0 {
		return nil
	}
	for freed := int64(0); ; {
		free, err := o.freeDisk()
		if err != nil {
			return err
		}
		if free-size >= o.opt.limits.freeDisk {
			return nil
		}
		before := o.index.stats().Bytes
		if freed > size || !o.dropOldest() {
			o.overflowed("disk is almost full")
			return fmt.Errorf("%w: %d bytes of disk space are free", ErrFull, free)
		}
		freed += max(before-o.index.stats().Bytes, 0)
	}
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
	e := o.index.takeOldest()
	if e == nil {
		return false
	}
	err := atomicfile.TryRemove(o.opt.fs, o.path(e.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.index.release(e)
		o.opt.log.Debug("oldest record cannot be dropped", "file", e.file, "error", err)
		return false
	}
	o.index.drop(e)
	o.count.dropped.Add(1)
	o.overflowed("limit reached")
	return true
}

// takeOldest takes the oldest entry that waits for its delivery. It looks at
// all of them: an outbox that drops has other worries than that.
func (ix *index) takeOldest() *entry {
	ix.mu.Lock()
	defer ix.mu.Unlock()
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
	return e
}

func oldestOf(all []*entry) int {
	oldest := -1
	for i, e := range all {
		if !e.stuck() && !e.acked && (oldest < 0 || older(e, all[oldest])) {
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
