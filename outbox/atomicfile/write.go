package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// TempSuffix ends the name of a file that is being written. Whoever owns a
// folder may remove such files when no write is under way.
const TempSuffix = ".tmp"

// bufferSize gathers the small writes of an encoder; a large one passes through
// the buffer untouched.
const bufferSize = 4 << 10

// WriteFile replaces name with data: temporary file in the same folder, write,
// fsync, rename, fsync of the folder. On error the temporary file is removed.
// An error of the last step leaves the new content under its name, but a power
// cut may still bring the old content back.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) error {
	fill := func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
	if _, err := Write(fsys, name, perm, fill); err != nil {
		return err
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("atomicfile: sync folder of %s: %w", name, err)
	}
	return nil
}

// Write is [WriteFile] with the content streamed by fill and without the last
// step, for writers that share one [FS.SyncDir]. Until that has returned nil,
// the name is not durable. The result describes the file as written.
func Write(fsys FS, name string, perm fs.FileMode, fill func(io.Writer) error) (fs.FileInfo, error) {
	s, err := Stage(fsys, name, perm, fill)
	if err != nil {
		return nil, err
	}
	return s.Commit()
}

// Staged is a file that is written under its temporary name and that a power cut
// may still take or cut short. Whoever has staged it goes on with Commit, or with Sync
// and Rename, and after an error of those with Discard.
type Staged struct {
	fsys    FS
	file    File
	name    string
	size    int64
	started error // of StartSync
}

// Stage is the first half of [Write], up to the sync of the file.
func Stage(fsys FS, name string, perm fs.FileMode, fill func(io.Writer) error) (*Staged, error) {
	s := &Staged{fsys: fsys, name: name}
	f, err := createNew(fsys, name+TempSuffix, perm)
	if err != nil {
		return nil, s.Discard(err)
	}
	s.file = f
	if s.size, err = fillBuffered(f, fill); err != nil {
		return nil, s.Discard(errors.Join(err, f.Close()))
	}
	return s, nil
}

// Size is how many bytes were written.
func (s *Staged) Size() int64 { return s.size }

// StartSync lets the disk begin with the content, for whoever is to sync several
// files: without it each sync waits for the disk by itself. Sync has its error.
func (s *Staged) StartSync() { s.started = StartSync(s.file) }

// Sync makes the content durable, and closes the file.
func (s *Staged) Sync() (fs.FileInfo, error) {
	err := s.started
	if err == nil {
		err = s.file.Sync()
	}
	var info fs.FileInfo
	if err == nil {
		info, err = s.file.Stat()
	}
	return info, errors.Join(err, s.file.Close())
}

// Rename gives the file its name, after Sync.
func (s *Staged) Rename() error { return s.fsys.Rename(s.name+TempSuffix, s.name) }

// TryRename is Rename that does not wait for who holds a file of that name open.
func (s *Staged) TryRename() error { return TryRename(s.fsys, s.name+TempSuffix, s.name) }

// Discard removes the temporary file and returns err with what it was about. What
// keeps the file from going (a full or vanished disk) is already in err, and the next
// write of this name replaces it.
func (s *Staged) Discard(err error) error {
	_ = s.fsys.Remove(s.name + TempSuffix)
	return fmt.Errorf("atomicfile: write %s: %w", s.name, err)
}

// Commit is the second half of [Write]: Sync and Rename, or Discard.
func (s *Staged) Commit() (fs.FileInfo, error) {
	info, err := s.Sync()
	if err == nil {
		err = s.Rename()
	}
	if err != nil {
		return nil, s.Discard(err)
	}
	return info, nil
}

// createNew never writes through what already has the name: a left-over file
// may have other permissions, a link may lead elsewhere.
func createNew(fsys FS, name string, perm fs.FileMode) (File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := fsys.OpenFile(name, flags, perm)
	if !errors.Is(err, fs.ErrExist) {
		return f, err
	}
	if err := fsys.Remove(name); err != nil {
		return nil, err
	}
	return fsys.OpenFile(name, flags, perm)
}

func fillBuffered(f File, fill func(io.Writer) error) (size int64, err error) {
	to := &counter{to: f}
	w := bufio.NewWriterSize(to, bufferSize)
	if err := fill(w); err != nil {
		return 0, err
	}
	err = w.Flush()
	return to.size, err
}

// counter counts what passes.
type counter struct {
	to   io.Writer
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.size += int64(n)
	return n, err
}
