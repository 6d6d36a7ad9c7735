package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const (
	// MaxBytes bounds a file that is read. It is what a body with 8 MiB of text comes
	// to when each byte of it is escaped, and as much again for the rest.
	MaxBytes = 64 << 20
	// ReadAgainFor is how long a file that cannot be read keeps its place.
	ReadAgainFor = 10 * time.Minute
)

// Ends of the name of a file that was set aside: its contents cannot be used, or
// could not be read for a long time.
const (
	BrokenSuffix     = ".broken"
	UnreadableSuffix = ".unreadable"
)

var (
	// ErrUnreadable: what is in the file is not known. It is still there.
	ErrUnreadable = errors.New("cannot be read")
	// ErrAbandoned: it could never be read, and was set aside.
	ErrAbandoned = fmt.Errorf("could not be read for %v", ReadAgainFor)
	// The others were set aside too.
	ErrDamaged  = errors.New("is damaged")
	ErrTooLarge = errors.New("is too large")
	ErrForeign  = errors.New("belongs to another host")
	ErrNewer    = errors.New("was written by a newer release")
)

// File is one document. Load and Save are not called at once; IsUnread may be called
// at any time.
type File struct {
	FS atomicfile.FS
	// Path is where it is; its folder is created with the first Save.
	Path string
	// PCID of the envelope: whose the file is. Empty: the envelope says nothing, and
	// the body's own check does.
	PCID string

	named bool // by this process: the folder's own name is durable

	mu     sync.Mutex
	unread time.Time // since when it cannot be read; zero: it can, as far as is known
}

// Load reads the document into body; not found is no error. An error of check, which
// is asked about a body that was read, means that the file cannot be used; nil: all
// can. With [ErrUnreadable] Load is to be called again.
func (f *File) Load(body any, check func() error) (found bool, err error) {
	found, err = f.load(body, check)
	if errors.Is(err, ErrUnreadable) && f.isUnreadFor(ReadAgainFor) {
		err = f.abandon(err)
	}
	f.note(errors.Is(err, ErrUnreadable))
	return found, err
}

func (f *File) load(body any, check func() error) (found bool, err error) {
	data, err := Read(f.FS, f.Path, MaxBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil && !errors.Is(err, ErrTooLarge):
		return false, fmt.Errorf("%w: %w", ErrUnreadable, err)
	case err == nil:
		err = open(data, f.PCID, body)
	}
	if err == nil && check != nil {
		err = check()
	}
	if err == nil {
		Settle(f.FS, f.Path)
		return true, nil
	}
	if failed := SetAside(f.FS, f.Path, BrokenSuffix); failed != nil {
		return false, fmt.Errorf("%w: it %w; %w", ErrUnreadable, err, failed)
	}
	return false, err
}

// abandon sets the file aside, where somebody can still look at it.
func (f *File) abandon(why error) error {
	if err := SetAside(f.FS, f.Path, UnreadableSuffix); err != nil {
		return fmt.Errorf("%w; %w", why, err)
	}
	return fmt.Errorf("%w: %s", ErrAbandoned, why.Error()) // it is unreadable no more
}

func (f *File) note(unreadable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !unreadable:
		f.unread = time.Time{}
	case f.unread.IsZero():
		f.unread = time.Now()
	}
}

// IsUnread reports that the last Load could not read the file.
func (f *File) IsUnread() bool { return f.isUnreadFor(0) }

func (f *File) isUnreadFor(d time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.unread.IsZero() && time.Since(f.unread) >= d
}

// Save replaces the document durably.
func (f *File) Save(body any) error {
	data, err := seal(f.PCID, body)
	if err != nil {
		return err
	}
	if err := f.makeFolder(); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	return atomicfile.WriteFile(f.FS, f.Path, data, 0o600)
}

// makeFolder makes the folder and its name durable. Of one that is there nobody knows
// whether who made it came to that: a process can be killed in between.
func (f *File) makeFolder() error {
	dir := filepath.Dir(f.Path)
	_, missing := f.FS.Stat(dir)
	if missing == nil && f.named {
		return nil
	}
	if err := atomicfile.MkdirAll(f.FS, filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := f.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	err := f.FS.SyncDir(filepath.Dir(dir))
	f.named = err == nil
	if err != nil && missing != nil {
		// The name may be durable or not, and asking again would not tell. Without
		// the folder the next attempt starts afresh.
		return errors.Join(err, f.FS.Remove(dir))
	}
	return err
}

// Settle makes the name of a file that was found durable: who wrote it may have been
// killed before that, and who relies on it now must not find an older one after a
// power cut. A disk that fails at this will fail, and be reported, at the next write.
func Settle(fsys atomicfile.FS, name string) { _ = fsys.SyncDir(filepath.Dir(name)) }

// Read reads a file of at most limit bytes; with more it returns [ErrTooLarge].
func Read(fsys atomicfile.FS, name string, limit int64) (data []byte, err error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %d bytes; at most %d are read", ErrTooLarge, info.Size(), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// SetAside renames a file to its name and a suffix.
func SetAside(fsys atomicfile.FS, name, suffix string) error {
	if err := fsys.Rename(name, name+suffix); err != nil {
		return fmt.Errorf("set file aside: %w", err)
	}
	return nil
}
