package faultfs

import (
	"errors"
	"io/fs"
	"path"
)

var errNotEmpty = errors.New("directory not empty")

func (f *FS) Rename(from, to string) error {
	from, to = Name(from), Name(to)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("rename", from)
	if err == nil && !f.isDir(path.Dir(to)) {
		err = &fs.PathError{Op: "rename", Path: to, Err: fs.ErrNotExist}
	}
	if err = errors.Join(err, f.inUse("rename", from), f.inUse("rename", to)); err != nil {
		return err
	}
	if err := f.step(); err != nil {
		return err
	}
	if path.Dir(from) == path.Dir(to) {
		f.rename(&change{dir: path.Dir(to), names: map[string]*inode{from: nil, to: n}})
	} else {
		arrival, removal := changeOf(to, n), changeOf(from, nil)
		removal.after = arrival
		f.rename(arrival, removal)
	}
	if f.model == NTFS {
		f.settle(everything)
	}
	return nil
}

func (f *FS) Remove(name string) error {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("remove", name)
	if err == nil && n.dir && f.hasFiles(name) {
		err = &fs.PathError{Op: "remove", Path: name, Err: errNotEmpty}
	}
	if err != nil {
		return err
	}
	if err := f.inUse("remove", name); err != nil {
		return err
	}
	if err := f.step(); err != nil {
		return err
	}
	f.rename(changeOf(name, nil))
	return nil
}
