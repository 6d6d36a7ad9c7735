package command

import (
	"os"
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
