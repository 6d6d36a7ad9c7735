package outbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// move is a file that has got a new name. Where the file system has hard links it
// keeps the old one, too, until settle: whoever else has the folder open may sync
// either side at any moment, and must not make the removal durable before the
// new name is.
type move struct {
	from, to string
	both     fs.FileInfo // of the file that has both names; nil: it has only the new one
}

// move moves a file to a name that nothing holds, durably.
func (r *Reader) move(from, to string) error {
	m, err := r.moveNew(from, to)
	if err != nil {
		return err
	}
	_, err = r.settle([]move{m})
	return err
}

// moveNew gives a file a name that nothing holds; else the error is
// [fs.ErrExist] and nothing has changed.
func (r *Reader) moveNew(from, to string) (move, error) {
	m := move{from: from, to: to}
	fsys := r.box.opt.fs
	if fsys == atomicfile.OS {
		err := m.place(r.Dir())
		return m, err
	}
	from, to = r.box.path(from), r.box.path(to)
	_, err := fsys.Stat(to)
	switch {
	case err == nil:
		return m, fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return m, err
	}
	return m, fsys.Rename(from, to)
}

func (m *move) place(dir string) error {
	info, err := os.Lstat(filepath.Join(dir, m.from))
	if err != nil {
		return err
	}
	both, err := placeNew(dir, m.from, m.to)
	if both {
		m.both = info
	}
	return err
}

// settle makes moves between the same two folders durable, the new names first,
// and returns how many are done. The others are taken back.
func (r *Reader) settle(moves []move) (done int, err error) {
	if len(moves) == 0 {
		return 0, nil
	}
	if err = r.syncFolderOf(moves[0].to); err != nil {
		return 0, errors.Join(err, r.takeBack(moves))
	}
	for _, m := range moves {
		if err = r.dropOld(m); err != nil {
			err = errors.Join(err, r.takeBack(moves[done:]))
			break
		}
		done++
	}
	if m := moves[0]; m.both != nil || path.Dir(m.from) != path.Dir(m.to) {
		err = errors.Join(err, r.syncFolderOf(m.from))
	}
	return done, err
}

// dropOld removes the old name. When it is gone, or another record's by now, an
// agent has delivered the file meanwhile.
func (r *Reader) dropOld(m move) error {
	if m.both == nil || !r.holds(m.from, m.both) {
		return nil
	}
	return ignoreMissing(removeOwn(r.Dir(), m.from))
}

// takeBack undoes moves. A new name whose old one has gone meanwhile stays.
func (r *Reader) takeBack(moves []move) (err error) {
	for _, m := range moves {
		switch {
		case m.both == nil:
			_, failed := r.moveNew(m.to, m.from)
			err = errors.Join(err, failed)
		case r.holds(m.from, m.both) && r.holds(m.to, m.both):
			err = errors.Join(err, ignoreMissing(removeOwn(r.Dir(), m.to)))
		}
	}
	return err
}

// holds tells whether a name is that of a certain file.
func (r *Reader) holds(name string, want fs.FileInfo) bool {
	info, err := os.Lstat(r.box.path(name))
	return err == nil && os.SameFile(info, want)
}
