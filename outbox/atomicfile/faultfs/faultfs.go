package faultfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// ErrPowerCut is what every operation returns after the power failed.
var ErrPowerCut = errors.New("power cut")

// FS is a disk in memory that remembers what was synced. The power fails at a
// chosen operation; Survivors then gives one of the disks that POSIX allows to
// be found: of the names any number of the operations since the last folder
// sync, of the contents what was synced, all, or half of the rest.
type FS struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode         // names as of the last SyncDir
	pending []func(map[string]*inode) // what has happened to names since
	steps   int
	stopAt  int // 0: never
	clock   time.Time
}

type inode struct {
	data, synced []byte
	modTime      time.Time
}

// New returns an empty disk whose power fails at the given operation; 0: never.
func New(stopAt int) *FS {
	return &FS{
		names: map[string]*inode{}, durable: map[string]*inode{}, stopAt: stopAt,
		clock: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC),
	}
}

// step is called with the lock held, ahead of everything that changes the disk.
func (f *FS) step() error {
	if f.stopAt > 0 && f.steps >= f.stopAt {
		return ErrPowerCut
	}
	f.steps++
	f.clock = f.clock.Add(time.Millisecond)
	return nil
}

func (f *FS) rename(change func(map[string]*inode)) {
	change(f.names)
	f.pending = append(f.pending, change)
}

// Contents is what happened to data that was never synced.
type Contents int

const (
	Dropped Contents = iota // it is gone
	Torn                    // half of it is there
	Kept                    // all of it is there
)

// Steps is how many operations have changed the disk.
func (f *FS) Steps() int { return f.steps }

// Unsynced is how many name operations no folder sync has confirmed.
func (f *FS) Unsynced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// EachSurvivor calls check with every disk that can be found after the power
// cut, until it returns an error.
func (f *FS) EachSurvivor(check func(*FS) error) error {
	for ops := range len(f.pending) + 1 {
		for unsynced := Dropped; unsynced <= Kept; unsynced++ {
			if err := check(f.Survivors(ops, unsynced)); err != nil {
				return fmt.Errorf("%d unsynced name operations, contents %d: %w", ops, unsynced, err)
			}
		}
	}
	return nil
}

// Survivors is the disk after the power cut, with the first nameOps of the name
// operations that no folder sync confirmed.
func (f *FS) Survivors(nameOps int, unsynced Contents) *FS {
	after := New(0)
	after.clock = f.clock.Add(time.Minute)
	names := maps.Clone(f.durable)
	for _, change := range f.pending[:nameOps] {
		change(names)
	}
	for name, n := range names {
		data := bytes.Clone(n.synced)
		if rest, ok := bytes.CutPrefix(n.data, n.synced); ok {
			data = append(data, rest[:len(rest)*int(unsynced)/int(Kept)]...)
		}
		found := &inode{data: data, synced: data, modTime: n.modTime}
		after.names[name], after.durable[name] = found, found
	}
	return after
}

func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (atomicfile.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		if err := f.step(); err != nil {
			return nil, err
		}
		n = &inode{modTime: f.clock}
		f.rename(func(names map[string]*inode) { names[name] = n })
	case flag&os.O_TRUNC != 0 && len(n.data) > 0:
		if err := f.step(); err != nil {
			return nil, err
		}
		n.data, n.modTime = nil, f.clock
	}
	return &file{fs: f, name: name, n: n}, nil
}

func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return err
	}
	n := f.names[from]
	f.rename(func(names map[string]*inode) { delete(names, from); names[to] = n })
	return nil
}

func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.step(); err != nil {
		return err
	}
	f.rename(func(names map[string]*inode) { delete(names, name) })
	return nil
}

func (f *FS) SyncDir(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return err
	}
	f.durable, f.pending = maps.Clone(f.names), nil
	return nil
}

func (f *FS) MkdirAll(string, fs.FileMode) error { return nil }

func (f *FS) ReadDir(dir string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []fs.DirEntry
	for name, n := range f.names {
		if filepath.Dir(name) == dir {
			list = append(list, fs.FileInfoToDirEntry(n.info(name)))
		}
	}
	return list, nil
}

func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.names[name]; n != nil {
		return n.info(name), nil
	}
	for other := range f.names {
		if strings.HasPrefix(other, name+string(filepath.Separator)) {
			return info{name: filepath.Base(name), mode: fs.ModeDir, modTime: f.clock}, nil
		}
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

type file struct {
	fs   *FS
	name string
	n    *inode
	at   int
}

func (f *file) Name() string { return f.name }
func (f *file) Close() error { return nil }

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, int64(f.at))
	f.at += n
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return bytes.NewReader(f.n.data).ReadAt(p, off)
}

func (f *file) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		return 0, err
	}
	f.n.data = append(f.n.data, p...)
	f.n.modTime = f.fs.clock
	return len(p), nil
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		return err
	}
	f.n.synced = bytes.Clone(f.n.data)
	return nil
}

func (f *file) Truncate(int64) error { return errors.ErrUnsupported }

func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.n.info(f.name), nil
}

func (n *inode) info(name string) info {
	return info{name: filepath.Base(name), size: int64(len(n.data)), modTime: n.modTime}
}

type info struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
