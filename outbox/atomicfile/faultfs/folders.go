package faultfs

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

func (f *FS) SyncDir(dir string) error {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return f.gone
	}
	if f.model == NTFS {
		return nil
	}
	if !f.isDir(dir) {
		return &fs.PathError{Op: "sync", Path: dir, Err: fs.ErrNotExist}
	}
	mine := func(c *change) bool { return c.dir == dir }
	if err := f.step(); err != nil {
		if f.gone == nil {
			f.doubt(mine)
		}
		return err
	}
	f.settle(mine)
	return nil
}

// MkdirAll makes each folder that is missing as an operation of its own.
func (f *FS) MkdirAll(dir string, _ fs.FileMode) error {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return f.gone
	}
	return f.mkdirAll(dir)
}

func (f *FS) mkdirAll(dir string) error {
	parent := path.Dir(dir)
	if parent == dir || f.names[dir] != nil {
		return nil
	}
	if err := f.mkdirAll(parent); err != nil {
		return err
	}
	n := &inode{dir: true, modTime: f.clock}
	if f.hasFiles(dir) { // it was there all the time
		f.names[dir], f.durable[dir] = n, n
		return nil
	}
	if err := f.step(); err != nil {
		return err
	}
	f.folders = true
	f.rename(changeOf(dir, n))
	return nil
}

func (f *FS) isDir(dir string) bool {
	n := f.names[dir]
	return n != nil && n.dir || !f.folders || dir == path.Dir(dir) || f.hasFiles(dir)
}

func (f *FS) hasFiles(dir string) bool {
	for name, n := range f.names {
		if !n.dir && strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func (f *FS) ReadDir(dir string) ([]fs.DirEntry, error) {
	dir = Name(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone != nil {
		return nil, f.gone
	}
	if !f.isDir(dir) {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for name, n := range f.names {
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/"); ok && !strings.Contains(rest, "/") {
			list = append(list, fs.FileInfoToDirEntry(n.info(name)))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}
