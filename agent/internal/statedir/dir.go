package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const lockName = "lock"

const (
	// Format is what this release writes.
	Format = 1
	// OldestReader is the oldest format whose readers understand Format.
	OldestReader = 1
)

var (
	// ErrLocked says that another process owns the folder.
	ErrLocked = errors.New("statedir: folder is in use by another process")
	// ErrFormat says that a newer release wrote the folder in a form that this
	// one cannot read.
	ErrFormat = errors.New("statedir: folder was written by a newer release")
)

// Dir is an opened and locked state folder.
type Dir struct {
	path    string
	lock    *os.File
	warning error
}

// format is the content of the file FORMAT.
type format struct {
	Format       int `json:"format"`
	OldestReader int `json:"oldest_reader"`
}

// Open creates the folder if need be, locks it and checks its format. The lock
// comes first: nothing is counted, read or written before it is held. A folder
// that Open has returned survives a power cut.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("statedir: %w", err)
	}
	if err := create(atomicfile.OS, path); err != nil {
		return nil, fmt.Errorf("statedir: create %s: %w", path, err)
	}
	lock, err := lockFile(filepath.Join(path, lockName))
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

const formatName = "FORMAT"

// create makes the folder and its name durable. Until it has been used, nobody
// knows whether who made it came to that: a process can be killed in between.
func create(fsys atomicfile.FS, path string) error {
	if err := atomicfile.MkdirAll(fsys, path, 0o700); err != nil {
		return err
	}
	if _, err := fsys.Stat(filepath.Join(path, formatName)); errors.Is(err, fs.ErrNotExist) {
		syncAbove(fsys, path)
	}
	return nil
}

// syncAbove syncs the folders above, as far as it is allowed to: what it may not
// sync is nobody's here, and was there before.
func syncAbove(fsys atomicfile.FS, dir string) {
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if fsys.SyncDir(dir) != nil {
			return
		}
	}
}

func (d *Dir) prepare() (err error) {
	if d.warning, err = restrict(d.path); err != nil {
		return fmt.Errorf("statedir: restrict access to %s: %w", d.path, err)
	}
	return d.checkFormat()
}

// Warning says what of the folder's rights could not be made as it should be, or nil.
func (d *Dir) Warning() error { return d.warning }

// Path returns the path of a name inside the folder.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Close releases the lock.
func (d *Dir) Close() error {
	return d.lock.Close()
}

func (d *Dir) checkFormat() error {
	path := d.Path(formatName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d.writeFormat(path)
	}
	if err != nil {
		return fmt.Errorf("statedir: read %s: %w", path, err)
	}
	var found format
	if err := json.Unmarshal(raw, &found); err != nil || found.Format < 1 {
		return fmt.Errorf("statedir: %s is damaged; if no newer release ever ran here, remove that file", path)
	}
	if found.OldestReader > Format {
		return fmt.Errorf("%w: %s says format %d, readable from format %d on; this release reads %d",
			ErrFormat, path, found.Format, found.OldestReader, Format)
	}
	if found.Format == Format {
		return nil
	}
	return d.writeFormat(path)
}

func (d *Dir) writeFormat(path string) error {
	raw, err := json.Marshal(format{Format: Format, OldestReader: OldestReader})
	if err != nil {
		return fmt.Errorf("statedir: encode format: %w", err)
	}
	if err := atomicfile.WriteFile(atomicfile.OS, path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("statedir: write %s: %w", path, err)
	}
	return nil
}
