package schedule

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kanade-go/kanade/agent/internal/statefile"
)

// document is one of the scheduler's files.
type document struct {
	*statefile.File
	name string
}

func newDocument(cfg Config, name string) document {
	return document{File: &statefile.File{FS: cfg.FS, Path: filepath.Join(cfg.Dir, name+".json"), PCID: cfg.PCID}, name: name}
}

// load reads the document into body. One that cannot be used has been set aside;
// with [statefile.ErrUnreadable] it is still there.
func (d document) load(body any) (found bool, err error) {
	found, err = d.Load(body, nil)
	if err == nil {
		return found, nil
	}
	err = fmt.Errorf("schedule: read %s: file %w", d.name, err)
	if errors.Is(err, statefile.ErrAbandoned) {
		err = fmt.Errorf("%w; it was set aside", err)
	}
	return false, err
}

// save replaces the document durably.
func (d document) save(body any) error {
	if err := d.Save(body); err != nil {
		return fmt.Errorf("schedule: write %s: %w", d.name, err)
	}
	return nil
}
