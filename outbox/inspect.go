package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Reader looks at the folder of an outbox from outside: of one that another
// process has open, or of one that nobody has. Make it with [Inspect]. It takes
// no lock, except in [Reader.Repair], uses no network and changes nothing but
// in [Reader.Requeue] and [Reader.Repair]. Beside a running agent, what it sees
// may be out of date at once: a record that is delivered meanwhile is gone.
type Reader struct {
	// box knows the folder's rules. It is never opened: it has no lock and
	// its index stays empty.
	box *Outbox
}

// Entry is one record file, as the folder lists it.
type Entry struct {
	File    string // path in the folder, with a slash: "a.json", "stuck/a.json"
	Name    string // the file's name without ".json"; see [Detail] for the record's own
	Size    int64  // of the file, in bytes
	ModTime time.Time
	Stuck   bool // in quarantine
}

// Inspect returns a [Reader] for the folder, which must exist (else the error
// is an [fs.ErrNotExist]). Of the options only [WithCodec] and [WithFS] have a
// meaning here.
func Inspect(dir string, opts ...Option) (*Reader, error) {
	r, err := inspect(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("outbox: inspect %s: %w", dir, err)
	}
	return r, nil
}

func inspect(dir string, opts []Option) (*Reader, error) {
	opt, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	info, err := opt.fs.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, errors.New("not a folder")
	}
	return &Reader{box: &Outbox{dir: dir, opt: opt}}, nil
}

// Dir is the folder's absolute path.
func (r *Reader) Dir() string { return r.box.dir }

// List returns the records, pending and stuck, in the order of their
// modification times, then names. It does not read the files and takes about
// 200 bytes of memory for each. A record that is set aside at this moment can be
// listed twice.
func (r *Reader) List() ([]Entry, error) {
	var all []Entry
	err := r.walk(func(folder string, d fs.DirEntry) error {
		if !isRecordFile(d) {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			all = append(all, newListed(folder, info))
		}
		return ignoreMissing(err)
	})
	if err != nil {
		return nil, fmt.Errorf("outbox: list %s: %w", r.Dir(), err)
	}
	slices.SortFunc(all, inOrder)
	return all, nil
}

func newListed(folder string, info fs.FileInfo) Entry {
	file := folder + info.Name()
	return Entry{
		File: file, Name: recordName(file), Size: info.Size(), ModTime: info.ModTime(), Stuck: inQuarantine(file),
	}
}

func inOrder(a, b Entry) int {
	return cmp.Or(a.ModTime.Compare(b.ModTime), strings.Compare(a.File, b.File))
}

// Find returns the entries of a record, which has one as a rule. name is what
// the folder shows ("a", "a.json", "stuck/a.json"), or the record's name, also
// one that is hashed on disk. When no file is called so, every file is read to
// find the one whose record has that name or message ID. name is only ever
// compared with what is there and never becomes part of a path.
func (r *Reader) Find(name string) ([]Entry, error) {
	all, err := r.List()
	if err != nil {
		return nil, err
	}
	hashed := recordName(hashedFile(name))
	found := slices.DeleteFunc(slices.Clone(all), func(e Entry) bool {
		return e.File != name && e.Name+fileSuffix != name && e.Name != name && e.Name != hashed
	})
	if len(found) > 0 {
		return found, nil
	}
	return slices.DeleteFunc(all, func(e Entry) bool {
		d, err := r.Detail(e)
		return err != nil || d.Unreadable != nil || d.Record.Name != name && d.Record.MsgID != name
	}), nil
}

// walk calls do with everything in the folder and in quarantine. The folder comes
// first: a record that moves between the two meanwhile is seen twice rather
// than not at all.
func (r *Reader) walk(do func(folder string, d fs.DirEntry) error) error {
	isFolder := true
	err := atomicfile.EachEntry(r.box.opt.fs, r.Dir(), func(d fs.DirEntry) error {
		if d.Name() == stuckFolder {
			isFolder = d.IsDir() // a link is not followed
		}
		return do("", d)
	})
	if err != nil || !isFolder {
		return err
	}
	return ignoreMissing(atomicfile.EachEntry(r.box.opt.fs, r.box.path(stuckFolder), func(d fs.DirEntry) error {
		return do(stuckFolder+"/", d)
	}))
}
