package schedule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// storeFormat is what this release writes, and the newest that it reads.
const storeFormat = 1

// maxFile bounds a file that is read: maxBytes, each of them escaped.
const maxFile = 64 << 20

// Ends of the name of a file that was set aside: its contents cannot be used, or
// could not be read for a long time. A later one of the same name replaces it.
const (
	brokenSuffix     = ".broken"
	unreadableSuffix = ".unreadable"
)

// readAgainFor is how long a file that cannot be read keeps its place. Until then
// nothing is written: what only it knows would be lost.
const readAgainFor = 10 * time.Minute

var (
	errUnusable = errors.New("schedule: file cannot be used")
	errDamaged  = fmt.Errorf("%w: it is damaged", errUnusable)
	errForeign  = fmt.Errorf("%w: it belongs to another host", errUnusable)
	errNewer    = fmt.Errorf("%w: it was written by a newer release", errUnusable)
	// errUnreadable: what is in it is not known, so it must not be replaced.
	errUnreadable = errors.New("schedule: file cannot be read")
)

// store keeps documents in a folder, each whole or not at all.
type store struct {
	fs   atomicfile.FS
	dir  string
	pcID string
}

// envelope is their form on disk. The sum is over the bytes of Body.
type envelope struct {
	Format int             `json:"format"`
	PCID   string          `json:"pc_id"`
	SHA256 string          `json:"sha256"`
	Body   json.RawMessage `json:"body"`
}

func (s store) path(name string) string { return filepath.Join(s.dir, name+".json") }

// load reads a document into body. One that cannot be used has been set aside; with
// errUnreadable it is still there.
func (s store) load(name string, body any) (found bool, err error) {
	data, err := readFile(s.fs, s.path(name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = s.decode(data, body)
	}
	if err == nil {
		return true, nil
	}
	err = fmt.Errorf("schedule: read %s: %w", name, err)
	if !errors.Is(err, errUnusable) {
		return false, fmt.Errorf("%w: %w", errUnreadable, err) // the next read may do better
	}
	if failed := setAside(s.fs, s.path(name), brokenSuffix); failed != nil {
		return false, fmt.Errorf("%w: %w; %w", errUnreadable, err, failed)
	}
	return false, err
}

// loadSince is load for a file that cannot be read since a time. After readAgainFor
// it is set aside, where somebody can still look at it; then it is not unreadable
// any more.
func (s store) loadSince(since time.Time, name string, body any) (found bool, err error) {
	found, err = s.load(name, body)
	if !errors.Is(err, errUnreadable) || time.Since(since) < readAgainFor {
		return found, err
	}
	if failed := setAside(s.fs, s.path(name), unreadableSuffix); failed != nil {
		return false, fmt.Errorf("%w; %w", err, failed)
	}
	return false, fmt.Errorf("schedule: read %s: it was set aside after %v: %s", name, readAgainFor, err.Error())
}

func (s store) decode(data []byte, body any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	switch {
	case e.Format > storeFormat:
		return fmt.Errorf("%w: format %d; this release reads %d", errNewer, e.Format, storeFormat)
	case e.Format < 1 || e.SHA256 != sumOf(e.Body):
		return fmt.Errorf("%w: the sum is wrong", errDamaged)
	case e.PCID != s.pcID:
		return fmt.Errorf("%w: %.80q", errForeign, e.PCID)
	}
	if err := json.Unmarshal(e.Body, body); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// save replaces a document durably.
func (s store) save(name string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("schedule: encode %s: %w", name, err)
	}
	data, err := json.Marshal(envelope{Format: storeFormat, PCID: s.pcID, SHA256: sumOf(raw), Body: raw})
	if err != nil {
		return fmt.Errorf("schedule: encode %s: %w", name, err)
	}
	if err := atomicfile.MkdirAll(s.fs, s.dir, 0o700); err != nil {
		return fmt.Errorf("schedule: create folder: %w", err)
	}
	if err := atomicfile.WriteFile(s.fs, s.path(name), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("schedule: write %s: %w", name, err)
	}
	return nil
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func readFile(fsys atomicfile.FS, name string, limit int64) (data []byte, err error) {
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
		return nil, fmt.Errorf("%w: %d bytes; at most %d are read", errDamaged, info.Size(), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

func setAside(fsys atomicfile.FS, name, suffix string) error {
	if err := fsys.Rename(name, name+suffix); err != nil {
		return fmt.Errorf("schedule: set file aside: %w", err)
	}
	return nil
}
