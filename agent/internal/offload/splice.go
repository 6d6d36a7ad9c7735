package offload

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// edit replaces a part of the rest.
type edit struct {
	span
	with []byte
}

// splice returns the result's JSON with the streams that keys name pointed to,
// and the others inside as they are in the file. Nothing else changes.
func (d *document) splice(file io.ReadSeeker, keys [streams]string) ([]byte, error) {
	var edits []edit
	for i, t := range d.texts {
		if keys[i] != "" {
			edits = append(edits, d.point(i, keys[i]))
			continue
		}
		raw := make([]byte, t.raw)
		if err := t.readRaw(file, raw); err != nil {
			return nil, err
		}
		edits = append(edits, edit{span{t.at, t.at}, raw})
	}
	// Two insertions at the end stay in their order.
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	out := make([]byte, 0, int(d.encoded(keys)))
	done := 0
	for _, e := range edits {
		out = append(out, d.rest[done:e.from]...)
		out = append(out, e.with...)
		done = e.to
	}
	return append(out, d.rest[done:]...), nil
}

// point sets the pointer of a stream, or adds it as the last member.
func (d *document) point(i int, key string) edit {
	if at := d.pointer[i]; at.to > 0 {
		return edit{at, quoted(key)}
	}
	end := bytes.LastIndexByte(d.rest, '}')
	return edit{span{end, end}, fmt.Appendf(nil, `,"%s":%s`, pointerNames[i], quoted(key))}
}

func quoted(key string) []byte {
	out, _ := json.Marshal(key) // a string always can
	return out
}

// encoded is how long the result's JSON becomes with these keys, at most.
func (d *document) encoded(keys [streams]string) int64 {
	n := int64(len(d.rest))
	for i, t := range d.texts {
		if keys[i] == "" {
			n += t.raw
		} else {
			n += int64(len(d.point(i, keys[i]).with))
		}
	}
	return n
}

func (t text) readRaw(file io.ReadSeeker, into []byte) error {
	if _, err := file.Seek(t.start, io.SeekStart); err != nil {
		return err
	}
	_, err := io.ReadFull(file, into)
	return err
}

// open returns a reader of the text as the script wrote it.
func (t text) open(file io.ReadSeeker) (io.Reader, error) {
	if _, err := file.Seek(t.start, io.SeekStart); err != nil {
		return nil, err
	}
	return &textReader{in: bufio.NewReaderSize(file, bufferSize)}, nil
}
