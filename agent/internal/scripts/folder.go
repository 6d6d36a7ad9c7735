package scripts

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
	"sync"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// errDamaged says that a file is not what its name says.
var errDamaged = errors.New("scripts: file is damaged")

// folder is the scripts on disk, each in a file that is named by its digest.
type folder struct {
	fs      atomicfile.FS
	dir     string
	loading sync.Mutex
	index
}

func (f *folder) path(digest string) string { return filepath.Join(f.dir, digest) }

// read returns what is in the file of a digest, if it has that digest: fs.ErrNotExist, errDamaged, or an error of the disk.
func (f *folder) read(digest string) (script string, err error) {
	name := f.path(digest)
	if info, err := f.fs.Stat(name); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("scripts: read %s: it is no file", name)
	}
	file, err := f.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readVerified(file, digest)
}

// readVerified hashes each piece while it is in the processor's cache. One byte more than there should be is enough to tell
// that a file is another one.
func readVerified(file atomicfile.File, digest string) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	size := min(max(info.Size(), 0), MaxScript)
	var script strings.Builder
	script.Grow(int(size) + 1)
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(hash, &script), io.LimitReader(file, size+1))
	if err != nil {
		return "", err
	}
	if found := hex.EncodeToString(hash.Sum(nil)); n > MaxScript || found != digest {
		return "", fmt.Errorf("%w: %s: its SHA-256 is %s", errDamaged, digest, found)
	}
	return script.String(), nil
}

// write puts a script in its file, durably, and removes others if there are too many. Two writers of one digest at a time are
// not allowed.
func (f *folder) write(digest, script string) error {
	if err := f.load(); err != nil {
		return err // how much is there is not known, so nothing is added
	}
	if err := atomicfile.MkdirAll(f.fs, f.dir, 0o700); err != nil {
		return fmt.Errorf("scripts: create folder: %w", err)
	}
	f.reserve(digest, int64(len(script)), f.remove)
	err := atomicfile.WriteFile(f.fs, f.path(digest), []byte(script), 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("scripts: write %s: %w", digest, err), f.discard(digest))
	}
	return nil
}

func (f *folder) remove(digest string) error {
	err := atomicfile.TryRemove(f.fs, f.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// discard removes a file that is not as it should be.
func (f *folder) discard(digest string) error {
	if err := f.remove(digest); err != nil {
		return fmt.Errorf("scripts: remove %s: %w", digest, err)
	}
	f.forget(digest)
	return nil
}

// load lists the folder once, makes durable what is there, removes what writers have left behind, and what is too much.
func (f *folder) load() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	if f.isLoaded() {
		return nil
	}
	found, left, err := f.list()
	if err != nil {
		return fmt.Errorf("scripts: list %s: %w", f.dir, err)
	}
	for _, name := range left {
		if err := f.remove(name); err != nil {
			return fmt.Errorf("scripts: remove what a writer has left behind: %w", err)
		}
	}
	if err := f.settle(); err != nil {
		return fmt.Errorf("scripts: sync %s: %w", f.dir, err)
	}
	f.fill(found)
	f.trim(f.remove)
	return nil
}

// settle makes the folder's name and those in it durable: who wrote them may have been killed before that, and what is found
// counts as kept.
func (f *folder) settle() error {
	if _, err := f.fs.Stat(f.dir); err != nil {
		return skipVanished(err)
	}
	return errors.Join(f.fs.SyncDir(f.dir), f.fs.SyncDir(filepath.Dir(f.dir)))
}

func (f *folder) list() (found []listed, left []string, err error) {
	err = atomicfile.EachEntry(f.fs, f.dir, func(d fs.DirEntry) error {
		switch {
		case !d.Type().IsRegular():
		case isLeftBehind(d.Name()):
			left = append(left, d.Name())
		case isDigest(d.Name()):
			info, err := d.Info()
			if err != nil {
				return skipVanished(err)
			}
			found = append(found, listed{d.Name(), info.Size(), info.ModTime()})
		}
		return nil
	})
	return found, left, skipVanished(err)
}

func skipVanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isLeftBehind knows the unfinished files of this release, <digest>.tmp, and of the reference release,
// <digest>.<32 digits>.tmp.
func isLeftBehind(name string) bool {
	stem, isTemp := strings.CutSuffix(name, atomicfile.TempSuffix)
	digest, _, _ := strings.Cut(stem, ".")
	return isTemp && isDigest(digest)
}
