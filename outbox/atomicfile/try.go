package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// trier is the ability of an [FS] to fail at once where Rename and Remove wait
// for somebody who holds the file.
type trier interface {
	TryRename(oldpath, newpath string) error
	TryRemove(name string) error
}

// TryRename is [FS.Rename] for callers that would rather come back later: on
// Windows it does not wait for a scanner that holds one of the files.
func TryRename(fsys FS, oldpath, newpath string) error {
	if t, ok := fsys.(trier); ok {
		return t.TryRename(oldpath, newpath)
	}
	return fsys.Rename(oldpath, newpath)
}

// TryRemove is [FS.Remove] for callers that would rather come back later.
func TryRemove(fsys FS, name string) error {
	if t, ok := fsys.(trier); ok {
		return t.TryRemove(name)
	}
	return fsys.Remove(name)
}

func (osFS) TryRename(oldpath, newpath string) error { return tryRename(oldpath, newpath) }
func (osFS) TryRemove(name string) error             { return os.Remove(name) }

// MkdirAll creates dir and the folders above it that are missing, and makes
// their names durable.
func MkdirAll(fsys FS, dir string, perm fs.FileMode) error {
	parent := filepath.Dir(dir)
	_, err := fsys.Stat(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) || parent == dir {
		return fsys.MkdirAll(dir, perm)
	}
	if err := MkdirAll(fsys, parent, perm); err != nil {
		return err
	}
	if err := fsys.MkdirAll(dir, perm); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		// The name may be durable or not, and asking again would not tell.
		// Without the folder the next attempt starts afresh.
		return errors.Join(err, fsys.Remove(dir))
	}
	return nil
}

// listChunk is how many names of a folder are read at a time.
const listChunk = 256

// lister is the ability of an [FS] to list a folder without holding all of it.
type lister interface {
	EachEntry(dir string, do func(fs.DirEntry) error) error
}

// EachEntry calls do with everything in dir, in no particular order, until do
// returns an error.
func EachEntry(fsys FS, dir string, do func(fs.DirEntry) error) error {
	if l, ok := fsys.(lister); ok {
		return l.EachEntry(dir, do)
	}
	all, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := do(d); err != nil {
			return err
		}
	}
	return nil
}

func (osFS) EachEntry(dir string, do func(fs.DirEntry) error) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		chunk, err := f.ReadDir(listChunk)
		for _, d := range chunk {
			if err := do(d); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// starter is an ability that a File may have; those of [OS] do, where there is such
// a call.
type starter interface{ StartSync() error }

// StartSync lets the disk begin to write what is dirty in f, without waiting. Only Sync
// tells whether the content is safe; but of an error here Sync may know nothing.
func StartSync(f File) error {
	switch f := f.(type) {
	case starter:
		return f.StartSync()
	case *os.File:
		return startSync(f)
	}
	return nil
}

// readOpener is an ability that an FS may have; [OS] has it on Unix.
type readOpener interface {
	openRead(name string) (io.ReadCloser, error)
}

// OpenRead opens a file that is read from its beginning, by one goroutine, and closed
// once. It must be a regular one: a read is not ended by Close.
func OpenRead(fsys FS, name string) (io.ReadCloser, error) {
	if r, ok := fsys.(readOpener); ok {
		return r.openRead(name)
	}
	return fsys.OpenFile(name, os.O_RDONLY, 0)
}
