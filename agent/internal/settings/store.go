package settings

import (
	"fmt"
	"path/filepath"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// store keeps the snapshot of a bucket.
type store struct {
	*statefile.File
	pcID, bucket string
}

func newStore(fsys atomicfile.FS, dir, pcID, bucket string) store {
	return store{File: &statefile.File{FS: fsys, Path: filepath.Join(dir, bucket+".json")}, pcID: pcID, bucket: bucket}
}

// load returns nil without an error when there is no snapshot. One that cannot be
// used has been set aside; with [statefile.ErrUnreadable] it is still there.
func (s store) load() (*snapshot, error) {
	var body snapshotBody
	found, err := s.Load(&body, func() error { return s.check(body) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("settings: snapshot %w", err)
	case !found:
		return nil, nil
	}
	snap := body.snapshot()
	return &snap, nil
}

func (s store) check(body snapshotBody) error {
	if body.PCID != s.pcID || body.Bucket != s.bucket {
		return fmt.Errorf("%w or bucket: it is of %.80q and %.80q", statefile.ErrForeign, body.PCID, body.Bucket)
	}
	return nil
}

// save replaces the snapshot durably.
func (s store) save(found snapshot) error {
	body := found.body()
	body.PCID, body.Bucket = s.pcID, s.bucket
	if err := s.Save(body); err != nil {
		return fmt.Errorf("settings: write snapshot of %s: %w", s.bucket, err)
	}
	return nil
}
