package outbox

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Repair is [Reader.Fsck] with the folder's lock held, and then does what the
// findings say; Repaired or Failure of each tells how it went. It never removes
// or replaces what may be the only copy of a record. After a death or a power cut
// in its middle, another Repair does the rest.
//
// While somebody has the folder open the error is [ErrLocked]; an [Open]
// meanwhile fails with the same.
func (r *Reader) Repair(ctx context.Context, progress func(done, total int)) ([]Finding, error) {
	found, err := r.repair(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("outbox: repair %s: %w", r.Dir(), err)
	}
	return found, nil
}

func (r *Reader) repair(ctx context.Context, progress func(done, total int)) (found []Finding, err error) {
	lock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if found, err = r.check(ctx, true, progress); err != nil {
		return nil, err
	}
	if err := r.settleEarlier(); err != nil {
		return nil, err
	}
	for _, f := range inSteps(found) {
		if err := ctx.Err(); err != nil {
			f.Failure = err
			continue
		}
		f.Failure = f.fix()
		f.Repaired = f.Failure == nil
	}
	return found, nil
}

// settleEarlier makes durable what a repair or an agent that was killed has done:
// what led to quarantine first, where it came from then.
func (r *Reader) settleEarlier() error {
	if r.hasStuckFolder() {
		if err := r.box.opt.fs.SyncDir(r.box.path(stuckFolder)); err != nil {
			return err
		}
	}
	return r.box.opt.fs.SyncDir(r.Dir())
}

// hasStuckFolder does not take a link for it.
func (r *Reader) hasStuckFolder() bool {
	stat := r.box.opt.fs.Stat
	if r.box.opt.fs == atomicfile.OS {
		stat = os.Lstat
	}
	info, err := stat(r.box.path(stuckFolder))
	return err == nil && info.IsDir()
}

// inSteps returns what can be repaired in the order of the steps.
func inSteps(found []Finding) []*Finding {
	var todo []*Finding
	for i := range found {
		if found[i].fix != nil {
			todo = append(todo, &found[i])
		}
	}
	slices.SortStableFunc(todo, func(a, b *Finding) int { return cmp.Compare(a.step, b.step) })
	return todo
}

// lock is that of Open. A file that it has to make belongs to the folder's
// owner: an agent that runs as another user than an administrator must still be
// able to open it.
func (r *Reader) lock() (atomicfile.File, error) {
	_, missing := r.box.opt.fs.Stat(r.box.path(lockName))
	lock, err := lockFolder(r.box.opt.fs, r.Dir())
	if err != nil {
		return nil, err
	}
	if errors.Is(missing, fs.ErrNotExist) {
		if err := r.bequeath(lockName); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	return lock, nil
}

// bequeath gives a new file to the owner of the folder.
func (r *Reader) bequeath(file string) error {
	if r.box.opt.fs != atomicfile.OS {
		return nil
	}
	info, err := r.box.opt.fs.Stat(r.Dir())
	if err != nil {
		return err
	}
	return giveTo(r.Dir(), file, info)
}

// setAside moves a pending record to quarantine, its reason first.
func (r *Reader) setAside(e Entry, why Reason) error {
	if err := r.makeStuckFolder(); err != nil {
		return err
	}
	to, err := r.box.freeStuck(e.Name)
	if err != nil {
		return err
	}
	if err := r.writeReason(to, why); err != nil {
		return err
	}
	return r.move(e.File, to)
}

// makeStuckFolder makes the folder if it is not there. A link in its place would
// lead the record away.
func (r *Reader) makeStuckFolder() error {
	if r.box.opt.fs != atomicfile.OS { // no links to be afraid of
		return atomicfile.MkdirAll(r.box.opt.fs, r.box.path(stuckFolder), 0o700)
	}
	info, err := os.Lstat(r.box.path(stuckFolder))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = atomicfile.MkdirAll(atomicfile.OS, r.box.path(stuckFolder), 0o700)
		return errors.Join(err, r.bequeath(stuckFolder))
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder", stuckFolder)
	}
	return err
}

func (r *Reader) writeReason(file string, why Reason) error {
	if err := r.box.writeReason(file, why); err != nil {
		return err
	}
	return r.bequeath(reasonFile(file))
}

// renewReason replaces a reason that cannot be read by one that quotes it.
func (r *Reader) renewReason(record, file string) error {
	old, err := r.reasonText(file)
	if err != nil {
		return ignoreMissing(err) // it went with its record
	}
	const most = 1 << 10
	return r.writeReason(record, Reason{
		When: time.Now().UTC(), Kind: "unknown", Why: fmt.Sprintf("its reason could not be read; it was %.*q", most, old),
	})
}

// removeCopy removes a file that is the same as another one, once that is
// certain to stay.
func (r *Reader) removeCopy(file, other string) error {
	same, err := r.equal(file, other)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("%q is not the same any more", other)
	}
	if err := r.syncRecord(other); err != nil {
		return err
	}
	if err := r.remove(file); err != nil {
		return err
	}
	if inQuarantine(file) {
		r.box.removeReason(file)
	}
	return nil
}

// syncRecord makes a file and its name durable.
func (r *Reader) syncRecord(file string) error {
	// Windows flushes only what is open for writing.
	f, err := r.box.opt.fs.OpenFile(r.box.path(file), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return r.syncFolderOf(file)
}

func (r *Reader) syncFolderOf(file string) error {
	return r.box.opt.fs.SyncDir(r.box.path(path.Dir(file)))
}

// remove removes a file for good. One that is gone is fine.
func (r *Reader) remove(file string) error {
	var err error
	if r.box.opt.fs == atomicfile.OS {
		err = removeOwn(r.Dir(), file)
	} else {
		err = r.box.opt.fs.Remove(r.box.path(file))
	}
	if err := ignoreMissing(err); err != nil {
		return err
	}
	return r.syncFolderOf(file)
}

// equal compares two files byte for byte, in little memory.
func (r *Reader) equal(a, b string) (bool, error) {
	one, oneInfo, err := r.open(a)
	if err != nil {
		return false, err
	}
	defer one.Close()
	two, twoInfo, err := r.open(b)
	if err != nil {
		return false, err
	}
	defer two.Close()
	if oneInfo.Size() != twoInfo.Size() {
		return false, nil
	}
	return sameBytes(bufio.NewReader(whole(one, oneInfo)), bufio.NewReader(whole(two, twoInfo)))
}

func sameBytes(a, b io.Reader) (bool, error) {
	one, two := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(a, one)
		m, otherErr := io.ReadFull(b, two)
		switch {
		case n != m || !bytes.Equal(one[:n], two[:m]):
			return false, nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return errors.Is(otherErr, io.EOF) || errors.Is(otherErr, io.ErrUnexpectedEOF), nil
		case err != nil || otherErr != nil:
			return false, errors.Join(err, otherErr)
		}
	}
}
