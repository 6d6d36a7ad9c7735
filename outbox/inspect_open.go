package outbox

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// open opens a file of the folder for reading. A link that has taken its place
// is not followed, and on Windows the owner of the folder can still remove it.
func (r *Reader) open(file string) (atomicfile.File, fs.FileInfo, error) {
	f, err := r.openFile(file)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: fs.ErrInvalid}
	}
	if err != nil {
		_ = f.Close() // only read
		return nil, nil, err
	}
	return f, info, nil
}

func (r *Reader) openFile(file string) (atomicfile.File, error) {
	if r.box.opt.fs != atomicfile.OS {
		return r.box.opt.fs.OpenFile(r.box.path(file), os.O_RDONLY, 0)
	}
	f, err := openShared(r.box.path(file))
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Open opens the file of an entry as it is on disk.
func (r *Reader) Open(e Entry) (io.ReadCloser, error) {
	f, _, err := r.open(e.File)
	if err != nil {
		return nil, fmt.Errorf("outbox: open %q: %w", e.File, err)
	}
	return f, nil
}

// whole reads from a file what was in it when it was opened.
func whole(f atomicfile.File, info fs.FileInfo) io.Reader {
	return io.NewSectionReader(f, 0, info.Size())
}
