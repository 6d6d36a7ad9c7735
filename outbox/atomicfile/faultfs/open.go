package faultfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Name is how a disk calls a file, on every system: with slashes, without a
// volume.
func Name(name string) string {
	return path.Clean(filepath.ToSlash(strings.TrimPrefix(name, filepath.VolumeName(name))))
}

func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (atomicfile.File, error) {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("open", name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		n, err = f.create(name)
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case err == nil && flag&os.O_TRUNC != 0 && len(n.data) > 0:
		if err = f.step(); err == nil {
			n.truncate(0, f.clock)
		}
	}
	if err != nil {
		return nil, err
	}
	n.handles++
	return &file{fs: f, name: name, n: n, life: f.life}, nil
}

func (f *FS) lookup(op, name string) (*inode, error) {
	if f.gone != nil {
		return nil, f.gone
	}
	if n := f.names[name]; n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (f *FS) create(name string) (*inode, error) {
	if !f.isDir(path.Dir(name)) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.step(); err != nil {
		return nil, err
	}
	n := &inode{modTime: f.clock}
	f.rename(changeOf(name, n))
	return n, nil
}

func (f *FS) Stat(name string) (fs.FileInfo, error) {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("stat", name)
	if err == nil {
		return n.info(name), nil
	}
	if f.gone == nil && (name == path.Dir(name) || f.hasFiles(name)) {
		return (&inode{dir: true, modTime: f.clock}).info(name), nil
	}
	return nil, err
}
