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
	temp := name + TempSuffix
	info, err := writeTemp(fsys, temp, perm, fill)
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		// What keeps the temporary file from going (a full or vanished disk)
		// is already in err, and the next write of this name replaces it.
		_ = fsys.Remove(temp)
		return nil, fmt.Errorf("atomicfile: write %s: %w", name, err)
	}
	return info, nil
}

func writeTemp(fsys FS, temp string, perm fs.FileMode, fill func(io.Writer) error) (fs.FileInfo, error) {
	f, err := createNew(fsys, temp, perm)
	if err != nil {
		return nil, err
	}
	info, err := fillAndSync(f, fill)
	return info, errors.Join(err, f.Close())
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

func fillAndSync(f File, fill func(io.Writer) error) (fs.FileInfo, error) {
	w := bufio.NewWriterSize(f, bufferSize)
	if err := fill(w); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return f.Stat()
}
