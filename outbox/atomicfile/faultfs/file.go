package faultfs

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// inode is a file or a folder, whatever names it has.
type inode struct {
	dir     bool
	data    []byte // as programs read it
	synced  []byte // as it is on disk for certain
	clean   int    // up to here data was synced, or given up
	lost    []span // of data, given up: the disk never gets it
	modTime time.Time
	handles int
}

type span struct{ from, to int }

// sync makes durable what is not lost; of the lost there are zeros.
func (n *inode) sync() {
	n.synced, n.clean = n.written(), len(n.data)
}

// giveUp is what a failed sync does: the system forgets that the data was still
// to be written.
func (n *inode) giveUp() {
	if n.clean < len(n.data) {
		n.lost = append(n.lost, span{n.clean, len(n.data)})
		n.clean = len(n.data)
	}
}

// written is what is on disk once everything is that still can be.
func (n *inode) written() []byte {
	out := bytes.Clone(n.data)
	for _, s := range n.lost {
		clear(out[s.from:s.to])
	}
	return out
}

func (n *inode) truncate(size int, at time.Time) {
	for len(n.data) < size {
		n.data = append(n.data, 0)
	}
	n.data, n.modTime = bytes.Clone(n.data[:size]), at
	n.clean = min(n.clean, size)
	kept := n.lost[:0]
	for _, s := range n.lost {
		if s.to = min(s.to, size); s.from < s.to {
			kept = append(kept, s)
		}
	}
	n.lost = kept
}

func (n *inode) info(name string) info {
	i := info{name: path.Base(name), size: int64(len(n.data)), mode: 0o600, modTime: n.modTime}
	if n.dir {
		i.mode = fs.ModeDir | 0o700
	}
	return i
}

type file struct {
	fs     *FS
	name   string
	n      *inode
	at     int
	life   int // of the process
	closed bool
}

// gone is called with the lock held.
func (f *file) gone() error {
	if f.life != f.fs.life {
		return ErrKilled
	}
	return f.fs.gone
}

// step is called with the lock held.
func (f *file) step() error {
	if f.life != f.fs.life {
		return ErrKilled
	}
	return f.fs.step()
}

func (f *file) Name() string { return f.name }

// Close ends the hold on the name. The operations of a closed file go on working:
// a mutant does some late.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	if f.life == f.fs.life {
		f.n.handles--
	}
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, int64(f.at))
	f.at += n
	if n > 0 {
		err = nil // the end comes with the next call
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.gone(); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.n.data).ReadAt(p, off)
}

func (f *file) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.step()
	switch {
	case f.gone() != nil:
		return 0, err
	case err != nil:
		p = p[:len(p)/2]
	}
	f.n.data = append(f.n.data, p...)
	f.n.modTime = f.fs.clock
	return len(p), err
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.step(); err != nil {
		if f.gone() == nil {
			f.n.giveUp()
		}
		return err
	}
	f.n.sync()
	if f.fs.model == NTFS {
		f.fs.settle(everything)
	}
	return nil
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.step(); err != nil {
		return err
	}
	f.n.truncate(int(size), f.fs.clock)
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.gone(); err != nil {
		return nil, err
	}
	return f.n.info(f.name), nil
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
