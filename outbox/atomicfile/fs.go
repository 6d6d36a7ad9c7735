package atomicfile

import (
	"io"
	"io/fs"
	"os"
)

// File is what [FS.OpenFile] returns; *os.File fits.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Name() string
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
}

// FS is the set of file operations that durable code is made of. Code that
// claims durability takes an FS, so that a test can stop the world between any
// two of them and lose what was not synced.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newpath atomically if it exists.
	Rename(oldpath, newpath string) error
	Remove(name string) error
	MkdirAll(dir string, perm fs.FileMode) error
	ReadDir(dir string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in dir durable: created, renamed and removed
	// entries survive a power cut after it. Windows has no such call; there
	// Rename itself writes through.
	SyncDir(dir string) error
}

// OS is the file system of the host.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osFS) Rename(oldpath, newpath string) error        { return rename(oldpath, newpath) }
func (osFS) Remove(name string) error                    { return remove(name) }
func (osFS) MkdirAll(dir string, perm fs.FileMode) error { return os.MkdirAll(dir, perm) }
func (osFS) ReadDir(dir string) ([]fs.DirEntry, error)   { return os.ReadDir(dir) }
func (osFS) Stat(name string) (fs.FileInfo, error)       { return os.Stat(name) }
func (osFS) SyncDir(dir string) error                    { return syncDir(dir) }
