package command

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// countingFS counts file syncs.
type countingFS struct {
	atomicfile.FS
	syncs atomic.Int64
}

func (f *countingFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &countingFile{File: file, fs: f}, nil
}

type countingFile struct {
	atomicfile.File
	fs *countingFS
}

func (f *countingFile) Sync() error {
	f.fs.syncs.Add(1)
	return f.File.Sync()
}

var errDisk = errors.New("input/output error")

// brokenFS fails as long as it is told to, like a disk that went away.
type brokenFS struct {
	atomicfile.FS
	mu                  sync.Mutex
	sync, write, rename error
}

func (f *brokenFS) fail(sync, write, rename error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sync, f.write, f.rename = sync, write, rename
}

func (f *brokenFS) faults() (sync, write, rename error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sync, f.write, f.rename
}

func (f *brokenFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &brokenFile{File: file, fs: f}, nil
}

func (f *brokenFS) Rename(from, to string) error {
	if _, _, err := f.faults(); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

type brokenFile struct {
	atomicfile.File
	fs *brokenFS
}

func (f *brokenFile) Sync() error {
	if err, _, _ := f.fs.faults(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *brokenFile) Write(p []byte) (int, error) {
	if _, err, _ := f.fs.faults(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}
