package update

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Install is an executable with the files that lie beside it.
type Install struct {
	FS   atomicfile.FS
	Path string // absolute, without links

	swap    func(i Install, from string) error // for tests; nil: what this system can do
	managed func() bool                        // for tests; nil: how this process was started
}

// InstallOf is the installation of an executable; an empty path stands for the one
// that runs. It is to be asked before that is moved away: afterwards it may have no
// name.
func InstallOf(path string) (Install, error) {
	var err error
	if path == "" {
		if path, err = os.Executable(); err != nil {
			return Install{}, fmt.Errorf("update: find the executable: %w", err)
		}
	}
	if path, err = filepath.EvalSymlinks(path); err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return Install{}, fmt.Errorf("update: find the executable: %w", err)
	}
	return Install{FS: atomicfile.OS, Path: path}, nil
}

// split leaves the ending .exe out: rules for programs of Windows go by it.
func (i Install) split() (stem, ext string) {
	if ext = filepath.Ext(i.Path); strings.EqualFold(ext, ".exe") {
		return strings.TrimSuffix(i.Path, ext), ext
	}
	return i.Path, ""
}

func (i Install) beside(mark string) string {
	stem, ext := i.split()
	return stem + "." + mark + ext
}

func (i Install) staged() string   { return i.beside("new") }
func (i Install) lastGood() string { return i.beside("last-good") }
func (i Install) aside() string    { return i.beside("old") }
func (i Install) farAside() string { return i.beside("older") }
func (i Install) folder() string   { return filepath.Dir(i.Path) }

func (i Install) recordPath() string {
	stem, _ := i.split()
	return stem + ".update.json"
}

// digest is the SHA-256 of a file, as 64 lower-case hexadecimal digits.
func (i Install) digest(path string) (string, error) {
	f, err := i.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// holds says whether these bytes are in a file of that name. What only leads to them
// does not count: a link may lead to others tomorrow. An error says that it could not
// be found out.
func (i Install) holds(path, sha256 string) (bool, error) {
	leads := false
	err := atomicfile.EachEntry(i.FS, i.folder(), func(e fs.DirEntry) error {
		// Windows has regular files with peculiarities, and names in any case.
		leads = leads || strings.EqualFold(e.Name(), filepath.Base(path)) && e.Type()&^fs.ModeIrregular != 0
		return nil
	})
	if err != nil || leads {
		return false, err
	}
	sum, err := i.digest(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return sum == sha256, err
}

// size is zero for what is not there.
func (i Install) size(path string) uint64 {
	info, err := i.FS.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return uint64(info.Size())
}

// keepsRunning says whether the last good executable is what runs.
func (i Install) keepsRunning() bool {
	running, err := i.digest(i.Path)
	if err != nil {
		return false
	}
	kept, err := i.holds(i.lastGood(), running)
	return err == nil && kept
}

// mode is that of the executable: what replaces it has the same.
func (i Install) mode() (fs.FileMode, error) {
	info, err := i.FS.Stat(i.Path)
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm() | 0o100, nil
}

// create makes a new file with this mode, whatever the umask says. It is removed
// again by who gets an error later.
func (i Install) create(path string) (atomicfile.File, error) {
	mode, err := i.mode()
	if err != nil {
		return nil, err
	}
	if err := i.remove(path); err != nil {
		return nil, err
	}
	f, err := i.FS.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	if c, ok := f.(interface{ Chmod(mode fs.FileMode) error }); ok {
		if err := c.Chmod(mode); err != nil {
			return nil, errors.Join(err, f.Close(), i.remove(path))
		}
	}
	return f, nil
}

// sync makes what a file holds durable. (Windows wants the right to write for it.)
func (i Install) sync(path string) error {
	f, err := i.FS.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("update: sync %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("update: sync %s: %w", path, err)
	}
	return nil
}

// remove takes a file that is not there for removed.
func (i Install) remove(path string) error {
	if err := i.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keepLastGood copies the executable, unless the copy is there. It returns the
// digest of both. The plan's own sync of the folder makes the copy's name durable.
func (i Install) keepLastGood() (string, error) {
	running, err := i.digest(i.Path)
	if err != nil {
		return "", fmt.Errorf("update: read %s: %w", i.Path, err)
	}
	if kept, err := i.holds(i.lastGood(), running); err == nil && kept {
		return running, nil
	}
	if err := i.copy(i.Path, i.lastGood()); err != nil {
		return "", fmt.Errorf("update: keep the last good executable: %w", err)
	}
	return running, nil
}

func (i Install) copy(from, to string) error {
	temp := to + atomicfile.TempSuffix
	err := i.copyTo(from, temp)
	if err == nil {
		err = i.FS.Rename(temp, to)
	}
	if err != nil {
		return errors.Join(err, i.remove(temp))
	}
	return nil
}

func (i Install) copyTo(from, to string) error {
	source, err := i.FS.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // only read
	target, err := i.create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err == nil {
		err = target.Sync()
	}
	return errors.Join(err, target.Close())
}
