package outbox

import (
	"errors"
	"fmt"
)

type diskError struct {
	dir string
	err error
}

func (e *diskError) Error() string { return "free disk space of " + e.dir + ": " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// Room returns nil if so many more records, with files of so many bytes in all,
// would find room now, within the limits and above the floor of free disk space;
// what [OverflowDropOldest] would delete for them does not count. Otherwise it
// returns [ErrFull], or why the free space is not known.
//
// It reserves nothing. It is for who takes on work whose result has to be stored
// at its end, and had better not begin while there is no room. It costs a system
// call.
func (o *Outbox) Room(records int, bytes int64) error {
	if err := o.room(room{records: records, bytes: bytes}); err != nil {
		return fmt.Errorf("outbox: find room in %s: %w", o.dir, err)
	}
	return nil
}

func (o *Outbox) room(more room) error {
	if !o.index.hold(o.opt.limits, more) {
		return ErrFull
	}
	o.index.unhold(more)
	free, err := o.freeDisk()
	switch {
	case errors.Is(err, errors.ErrUnsupported) && o.opt.limits.freeDisk == 0:
		return nil
	case err != nil:
		return err
	case free-more.bytes < o.opt.limits.freeDisk:
		return fmt.Errorf("%w: %d bytes of disk space are free", ErrFull, free)
	}
	return nil
}
