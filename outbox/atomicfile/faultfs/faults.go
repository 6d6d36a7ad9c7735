package faultfs

import (
	"errors"
	"io/fs"
)

// ErrHeld is the sharing violation of a file that somebody has open.
var ErrHeld = errors.New("the file is in use by another process")

// fault is a time during which operations fail.
type fault struct {
	from, to int
	err      error
}

// Fail lets the operations from the given one up to another fail, counted like
// [FS.Steps] from 1; then the disk recovers.
func (f *FS) Fail(from, to int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fault{from, to, err})
}

func (f *FS) faultNow() error {
	for _, x := range f.faults {
		if x.from <= f.steps && f.steps <= x.to {
			return x.err
		}
	}
	return nil
}

// Hold opens a file as a scanner or a backup does that does not share it: until
// release it can be read and written, but not renamed, replaced or removed.
func (f *FS) Hold(name string) (release func()) {
	name = Name(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[name]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held[name]--
	}
}

func (f *FS) inUse(op, name string) error {
	n := f.names[name]
	if f.held[name] > 0 || f.model == NTFS && n != nil && n.handles > 0 {
		return &fs.PathError{Op: op, Path: name, Err: ErrHeld}
	}
	return nil
}

// CloseAll is what the end of a process does.
func (f *FS) CloseAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.names {
		n.handles = 0
	}
}
