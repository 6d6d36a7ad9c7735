package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Requeue moves stuck records back among the pending ones and returns how many.
// It needs no lock: an [Outbox.Drain] under way in another process finds them
// within 70 s, any other at its start. Each record is in one of the two places at
// any moment, also after a power cut, and never takes the place of another: when
// its file name is held by a pending record, which goes first, the error is an
// [fs.ErrExist]. A record that was being delivered from quarantine just then is
// delivered twice. Entries that are pending already are passed over.
//
// The first error ends it; what has been moved stays moved.
func (r *Reader) Requeue(ctx context.Context, entries ...Entry) (moved int, err error) {
	var from, to []string
	for _, e := range entries {
		if err = ctx.Err(); err != nil {
			break
		}
		if !e.Stuck {
			continue
		}
		if err = r.requeue(e); err != nil {
			err = fmt.Errorf("outbox: requeue %q: %w", e.Name, err)
			break
		}
		from, to = append(from, e.File), append(to, path.Base(e.File))
	}
	if len(from) == 0 {
		return 0, err
	}
	if failed := r.settle(from, to); failed != nil {
		return 0, errors.Join(err, fmt.Errorf("outbox: requeue: %w", failed))
	}
	for _, file := range from {
		r.box.removeReason(file)
	}
	return len(from), err
}

func (r *Reader) requeue(e Entry) error {
	err := r.moveNew(e.File, path.Base(e.File))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("a pending record has that file name, and goes first: %w", fs.ErrExist)
	}
	return err
}

// move moves a file between the two folders, durably.
func (r *Reader) move(from, to string) error {
	if err := r.moveNew(from, to); err != nil {
		return err
	}
	return r.settle([]string{from}, []string{to})
}

// settle makes moves between the two folders durable, the folder they went to
// first: the other way round a power cut could leave them in neither. When that
// fails they are taken back.
func (r *Reader) settle(from, to []string) error {
	err := r.syncFolderOf(to[0])
	if err == nil {
		return r.syncFolderOf(from[0])
	}
	for i := range from {
		err = errors.Join(err, r.moveNew(to[i], from[i]))
	}
	return err
}

// moveNew moves a file to a name that nothing holds; else the error is
// [fs.ErrExist] and nothing has changed.
func (r *Reader) moveNew(from, to string) error {
	fsys := r.box.opt.fs
	from, to = r.box.path(from), r.box.path(to)
	if fsys == atomicfile.OS {
		return renameNew(from, to)
	}
	_, err := fsys.Stat(to)
	switch {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return fsys.Rename(from, to)
}
