package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// maxWhole is the largest file that is read into memory as it is. Of a larger
// one that is JSON, a copy with its long strings cut is decoded.
const maxWhole = 8 << 20

// Detail is what the content of a record's file says.
type Detail struct {
	// Record has no Data; see [Reader.WritePayload]. If the file cannot be
	// decoded, only Name and Queued are set, from the file.
	Record Record
	// Unreadable is why the file cannot be decoded; nil: it can.
	Unreadable error
	// Reason is that of a stuck record; nil: it has none. ReasonError is why
	// the reason's file cannot be read.
	Reason      *Reason
	ReasonError error
}

// Detail reads the file of an entry and its reason. The memory that takes does
// not grow with the file, as long as the codec's files are JSON. An error means
// that the file cannot be read at all; a file with nonsense in it is no error.
func (r *Reader) Detail(e Entry) (Detail, error) {
	c, err := r.load(e)
	if err != nil {
		return Detail{}, fmt.Errorf("outbox: read %q: %w", e.File, err)
	}
	d := Detail{Record: c.record, Unreadable: c.unreadable}
	d.Record.Data = nil
	d.Reason, d.ReasonError = r.Reason(e)
	return d, c.f.Close()
}

// Reason reads the reason beside a stuck record, and nothing else. It is nil if
// there is none.
func (r *Reader) Reason(e Entry) (*Reason, error) {
	if !e.Stuck {
		return nil, nil
	}
	text, err := r.reasonText(reasonFile(e.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var why Reason
	if err == nil {
		err = json.Unmarshal(text, &why)
	}
	if err != nil {
		return nil, fmt.Errorf("outbox: read reason of %q: %w", e.File, err)
	}
	return &why, nil
}

func (r *Reader) reasonText(file string) ([]byte, error) {
	f, _, err := r.open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxReason))
}

// content is an open record file and what was found in it.
type content struct {
	f          atomicfile.File
	info       fs.FileInfo
	record     Record
	unreadable error
	// verbatim means that the payload is the file as it is. If it is not,
	// Data is the payload, unless partial is set: then it is cut.
	verbatim, partial bool
}

// load opens and decodes; whoever calls it closes the file.
func (r *Reader) load(e Entry) (*content, error) {
	f, info, err := r.open(e.File)
	if err != nil {
		return nil, err
	}
	c := &content{f: f, info: info}
	text, partial, err := gist(f, info)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c.partial = partial
	if text == nil { // too large, and no JSON that could be cut
		if err := r.decodeWhole(e, c); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return c, nil
	}
	r.decode(e, c, bytes.NewReader(text))
	c.verbatim = c.unreadable != nil || bytes.Equal(c.record.Data, text)
	return c, nil //nolint:nilerr // what cannot be decoded is told in c
}

// gist reads a file, of a large one what is left when its long strings are
// cut. It is nil when that is large too, or not JSON.
func gist(f atomicfile.File, info fs.FileInfo) (text []byte, partial bool, err error) {
	if info.Size() <= maxWhole {
		text, err = io.ReadAll(whole(f, info))
		return text, false, err
	}
	in := &fileReader{r: whole(f, info)}
	out := &bounded{left: maxWhole}
	if _, err := copyJSON(out, in, cutStrings); err != nil {
		return nil, false, in.err
	}
	return out.b.Bytes(), true, nil
}

// bounded is a buffer that takes so much and no more.
type bounded struct {
	b    bytes.Buffer
	left int
}

var errTooMuch = errors.New("too much")

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errTooMuch
	}
	b.left -= len(p)
	return b.b.Write(p)
}

func (r *Reader) decode(e Entry, c *content, text io.Reader) {
	record, err := r.box.opt.codec.Decode(e.Name, text)
	record, err = r.box.checked(e.File, record, nil, err)
	if err != nil {
		c.unreadable = err
		record = Record{Name: e.Name}
	}
	if record.Queued.IsZero() {
		record.Queued = c.info.ModTime()
	}
	c.record = record
}

// decodeWhole decodes a file of any size in memory, as the outbox does for its
// delivery.
func (r *Reader) decodeWhole(e Entry, c *content) error {
	in := &fileReader{r: whole(c.f, c.info)}
	r.decode(e, c, in)
	if in.err != nil {
		return in.err
	}
	c.partial = false
	c.verbatim = c.unreadable != nil
	return nil
}

// WritePayload writes what is or would be published for an entry; of a file that
// cannot be decoded, all of it. Where the payload is the file itself, as in the
// boxes of an agent, it is copied without being held in memory.
func (r *Reader) WritePayload(w io.Writer, e Entry) error {
	c, err := r.load(e)
	if err != nil {
		return fmt.Errorf("outbox: read %q: %w", e.File, err)
	}
	payload, err := r.payload(e, c)
	if err == nil {
		_, err = io.Copy(w, payload)
	}
	return errors.Join(err, c.f.Close())
}

// payload can be read again from its start.
func (r *Reader) payload(e Entry, c *content) (io.ReadSeeker, error) {
	if !c.verbatim && c.partial {
		if err := r.decodeWhole(e, c); err != nil {
			return nil, err
		}
	}
	if c.verbatim {
		return section(c.f, c.info), nil
	}
	return bytes.NewReader(c.record.Data), nil
}
