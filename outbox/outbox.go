package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Outbox is one folder of pending records. Make it with [Open]; all methods may
// be called from several goroutines.
type Outbox struct {
	dir   string
	opt   options
	index *index
	group *groupCommit
	lock  atomicfile.File
	wake  chan struct{} // holds one signal: something may be ready
	count counters

	scanned scanState
	moving  sync.Mutex  // held while files move to quarantine, or are listed
	full    atomic.Bool // reported, and not over yet

	mu     sync.Mutex
	closed bool
	stop   context.CancelFunc // of the drain or flush under way
	calls  sync.WaitGroup     // puts, and that drain or flush
}

type counters struct {
	put, kept, sent, duplicates, failed atomic.Uint64
	quarantined, dropped, rejected      atomic.Uint64
}

// Stats is a snapshot of an outbox. The counters start at zero in every [Open].
type Stats struct {
	Pending  int       `json:"pending"`         // records on disk that are still to be delivered, in flight or not
	Bytes    int64     `json:"bytes"`           // of their files
	Oldest   time.Time `json:"oldest,omitzero"` // modification time of the oldest of them
	InFlight int       `json:"in_flight"`       // those of them that are being delivered

	Stuck       int       `json:"stuck"`                 // records in quarantine, not in Pending
	StuckBytes  int64     `json:"stuck_bytes"`           // of their files
	OldestStuck time.Time `json:"oldest_stuck,omitzero"` // modification time of the oldest of them
	Corrupt     int       `json:"corrupt"`               // files that cannot be decoded, in quarantine or on their way there

	Put        uint64 `json:"put"`        // records stored
	Kept       uint64 `json:"kept"`       // puts that found their name pending and changed nothing
	Sent       uint64 `json:"sent"`       // records acknowledged by the broker
	Duplicates uint64 `json:"duplicates"` // those of them that the broker had stored before
	Failed     uint64 `json:"failed"`     // tries that failed, for whatever reason, while connected

	Quarantined uint64 `json:"quarantined"` // records that were moved to quarantine
	Dropped     uint64 `json:"dropped"`     // records that were deleted to make room
	Rejected    uint64 `json:"rejected"`    // puts that found the outbox full
}

// Open takes possession of a folder: it creates it (0700) if need be, locks it,
// removes left-over temporary files and lists what is pending. It does not use
// the network. Close the result. The folder above should be there: a process that is
// killed while it makes several leaves names that are durable only once somebody
// syncs them. Errors: [ErrLocked], and those of the file system.
func Open(dir string, opts ...Option) (*Outbox, error) {
	o, err := open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("outbox: open %s: %w", dir, err)
	}
	return o, nil
}

func open(dir string, opts []Option) (*Outbox, error) {
	opt, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	o := &Outbox{dir: dir, opt: opt, index: newIndex(opt.window), wake: make(chan struct{}, 1)}
	o.group = newGroupCommit(func() error { return opt.fs.SyncDir(dir) })
	o.index.threshold = opt.threshold
	if err := atomicfile.MkdirAll(opt.fs, dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := opt.fs.Stat(o.path(lockName)); errors.Is(err, fs.ErrNotExist) {
		// Whoever made the folder may have been killed before its name was durable.
		if err := opt.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return nil, err
		}
	}
	if o.lock, err = lockFolder(opt.fs, dir); err != nil {
		return nil, err
	}
	if err := o.load(); err != nil {
		return nil, errors.Join(err, o.lock.Close())
	}
	return o, nil
}

func (o *Outbox) load() error {
	if o.opt.limits.freeDisk > 0 {
		if _, err := o.freeDisk(); err != nil {
			return err
		}
	}
	if err := o.scan(); err != nil {
		return err
	}
	// What a killed process left may not be durable yet; published, it must not
	// be gone after a power cut. Nor may a move to quarantine be final where it
	// began before it is where it led.
	found := o.Stats()
	if found.Stuck > 0 {
		if err := o.opt.fs.SyncDir(o.path(stuckFolder)); err != nil {
			return err
		}
	}
	if found.Pending == 0 {
		return nil
	}
	return o.opt.fs.SyncDir(o.dir)
}

// Stats returns the present figures.
func (o *Outbox) Stats() Stats {
	s := o.index.stats()
	s.Put, s.Kept = o.count.put.Load(), o.count.kept.Load()
	s.Sent, s.Duplicates = o.count.sent.Load(), o.count.duplicates.Load()
	s.Failed, s.Quarantined = o.count.failed.Load(), o.count.quarantined.Load()
	s.Dropped, s.Rejected = o.count.dropped.Load(), o.count.rejected.Load()
	return s
}

// Close ends a Drain or Flush under way, waits for it and for every Put, and
// releases the folder. Pending records stay on disk for the next Open. Every
// call after it, Close too, returns [ErrClosed]. On Windows a scanner that holds
// a file which a Put or a move to quarantine is just writing can delay it by up
// to a minute.
func (o *Outbox) Close() error {
	if err := o.close(); err != nil {
		return fmt.Errorf("outbox: close %s: %w", o.dir, err)
	}
	o.calls.Wait()
	if err := o.lock.Close(); err != nil {
		return fmt.Errorf("outbox: close %s: %w", o.dir, err)
	}
	return nil
}

func (o *Outbox) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	o.closed = true
	if o.stop != nil {
		o.stop()
	}
	return nil
}

// enter and leave bracket a Put.
func (o *Outbox) enter() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	o.calls.Add(1)
	return nil
}

func (o *Outbox) leave() { o.calls.Done() }

// enterDelivery and leaveDelivery bracket a Drain or a Flush. stop ends it.
func (o *Outbox) enterDelivery(stop context.CancelFunc) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	if o.stop != nil {
		return ErrDraining
	}
	o.stop = stop
	o.calls.Add(1)
	return nil
}

// leaveDelivery returns ErrClosed when Close has ended the delivery.
func (o *Outbox) leaveDelivery() error {
	defer o.calls.Done()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop = nil
	if o.closed {
		return ErrClosed
	}
	return nil
}

// signal wakes Drain or Flush.
func (o *Outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
