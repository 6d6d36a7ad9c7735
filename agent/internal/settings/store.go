package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Ends of the name of a snapshot that was set aside: its contents cannot be used,
// or could not be read for a long time. There is one of each a bucket; a later one
// replaces it.
const (
	brokenSuffix     = ".broken"
	unreadableSuffix = ".unreadable"
)

// store keeps snapshots in a folder.
type store struct {
	fs   atomicfile.FS
	dir  string
	pcID string
}

func (s store) path(bucket string) string { return filepath.Join(s.dir, bucket+".json") }

// load returns nil without an error when there is no snapshot. One that cannot be
// used has been set aside. With errUnreadable it is still there.
func (s store) load(bucket string) (*snapshot, error) {
	data, err := s.read(s.path(bucket))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err) // the next read may do better
	}
	var found snapshot
	if err == nil {
		found, err = decodeSnapshot(data)
	}
	if err == nil && (found.PCID != s.pcID || found.Bucket != bucket) {
		err = fmt.Errorf("%w: it is of %.80q and %.80q", errForeign, found.PCID, found.Bucket)
	}
	if err == nil {
		return &found, nil
	}
	if failed := s.setAside(bucket, brokenSuffix); failed != nil {
		return nil, fmt.Errorf("%w: %w; %w", errUnreadable, err, failed)
	}
	return nil, err
}

func (s store) read(name string) (data []byte, err error) {
	f, err := s.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSnapshot {
		return nil, fmt.Errorf("%w: %d bytes; at most %d are read", errTooLarge, info.Size(), maxSnapshot)
	}
	return io.ReadAll(io.LimitReader(f, maxSnapshot))
}

func (s store) setAside(bucket, suffix string) error {
	name := s.path(bucket)
	if err := s.fs.Rename(name, name+suffix); err != nil {
		return fmt.Errorf("settings: set snapshot aside: %w", err)
	}
	return nil
}

// save replaces the snapshot durably.
func (s store) save(found snapshot) error {
	found.PCID = s.pcID
	data, err := found.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(s.fs, s.dir, 0o700); err != nil {
		return fmt.Errorf("settings: create folder of snapshots: %w", err)
	}
	if err := atomicfile.WriteFile(s.fs, s.path(found.Bucket), data, 0o600); err != nil {
		return fmt.Errorf("settings: write snapshot of %s: %w", found.Bucket, err)
	}
	return nil
}
