package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// undecodable is the error of a file that was read but is no record.
type undecodable struct{ err error }

func (u *undecodable) Error() string { return u.err.Error() }
func (u *undecodable) Unwrap() error { return u.err }

// buffers hold small files on their way through a codec, which copies what it
// keeps.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest file that goes through one of the buffers.
const maxBuffer = 64 << 10

// readFile decodes a pending file. size is what the folder said of it: a file
// that has it, and is small, takes one read.
func (o *Outbox) readFile(file string, size int64) (Record, error) {
	f, err := atomicfile.OpenRead(o.opt.fs, o.path(file))
	if err != nil {
		return Record{}, err
	}
	defer f.Close()
	in := &fileReader{r: f}
	if size < maxBuffer {
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		if err := in.ahead(buffer, int(size)); err != nil {
			return Record{}, err
		}
	}
	r, err := o.decode(recordName(file), in)
	return o.checked(file, r, in.err, err)
}

func (o *Outbox) decode(name string, file io.Reader) (r Record, err error) {
	defer caught("codec", &err)
	return o.opt.codec.Decode(name, file)
}

// caught is deferred around what is not the outbox's own: one record that it
// cannot bear must not stop all others.
func caught(what string, err *error) {
	if value := recover(); value != nil {
		*err = fmt.Errorf("%s panicked: %v", what, value)
	}
}

// checked sorts the errors of a file from those of its content, and completes
// the record.
func (o *Outbox) checked(file string, r Record, fault, err error) (Record, error) {
	if fault != nil {
		return Record{}, fault
	}
	if err == nil {
		err = checkMessage(r)
	}
	if err != nil {
		return Record{}, &undecodable{err}
	}
	if r.Name == "" {
		r.Name = recordName(file)
	}
	return r, nil
}

// verify tells whether a file is a whole record. A large one need not be held in
// memory for that, if the codec can do without.
func (o *Outbox) verify(file string, size int64) error {
	codec, streams := o.opt.codec.(verifier)
	if !streams || o.opt.loadLarge == nil || size <= o.opt.threshold {
		_, err := o.readFile(file, size)
		return err
	}
	f, err := o.opt.fs.OpenFile(o.path(file), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	in := &fileReader{r: f}
	err = verifyWith(codec, recordName(file), in)
	if in.err != nil {
		return in.err
	}
	if err != nil {
		return &undecodable{err}
	}
	return nil
}

// verifier is what a codec may be able to do besides; see [WithLarge].
type verifier interface {
	Verify(name string, file io.Reader) error
}

func verifyWith(codec verifier, name string, file io.Reader) (err error) {
	defer caught("codec", &err)
	return codec.Verify(name, file)
}

// fileReader reads a file and remembers that reading failed, whatever the codec
// makes of it.
type fileReader struct {
	r     io.Reader
	start bytes.Reader // what was read ahead
	whole bool         // and is all there is
	err   error
}

// ahead reads size bytes and asks for one more. A regular file gives less than
// asked only at its end.
func (f *fileReader) ahead(buffer *[]byte, size int) error {
	if cap(*buffer) <= size {
		*buffer = make([]byte, max(size+1, 1<<10))
	}
	b := (*buffer)[:cap(*buffer)]
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.start.Reset(b[:n])
	f.whole = n == size && n < len(b)
	return nil
}

func (f *fileReader) Read(p []byte) (int, error) {
	if f.start.Len() > 0 {
		return f.start.Read(p)
	}
	if f.whole {
		return 0, io.EOF
	}
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// section lets a hook read, and read again, an open file.
func section(f io.ReaderAt, info fs.FileInfo) io.ReadSeeker {
	return io.NewSectionReader(f, 0, info.Size())
}
