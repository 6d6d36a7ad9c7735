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
// may still take or cut short. Whoever has staged it ends with Commit.
type Staged struct {
	fsys FS
	file File
	name string
}

// Stage is the first half of [Write], up to the sync of the file.
func Stage(fsys FS, name string, perm fs.FileMode, fill func(io.Writer) error) (*Staged, error) {
	f, err := createNew(fsys, name+TempSuffix, perm)
	if err != nil {
		return nil, undone(fsys, name, err)
	}
	if err := fillBuffered(f, fill); err != nil {
		return nil, undone(fsys, name, errors.Join(err, f.Close()))
	}
	return &Staged{fsys: fsys, file: f, name: name}, nil
}

// undone removes the temporary file. What keeps it from going (a full or vanished
// disk) is already in err, and the next write of this name replaces it.
func undone(fsys FS, name string, err error) error {
	_ = fsys.Remove(name + TempSuffix)
	return fmt.Errorf("atomicfile: write %s: %w", name, err)
}

// StartSync lets the disk begin with the content, for whoever is to commit several
// files: without it each sync waits for the disk by itself. It promises nothing.
func (s *Staged) StartSync() { StartSync(s.file) }

// Commit is the second half of [Write]: fsync and rename.
func (s *Staged) Commit() (fs.FileInfo, error) {
	info, err := s.sync()
	if err = errors.Join(err, s.file.Close()); err == nil {
		err = s.fsys.Rename(s.name+TempSuffix, s.name)
	}
	if err != nil {
		return nil, undone(s.fsys, s.name, err)
	}
	return info, nil
}

func (s *Staged) sync() (fs.FileInfo, error) {
	if err := s.file.Sync(); err != nil {
		return nil, err
	}
	return s.file.Stat()
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

func fillBuffered(f File, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, bufferSize)
	if err := fill(w); err != nil {
		return err
	}
	return w.Flush()
}
