package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The parts of SQLite's file format that reading one table takes:
// https://www.sqlite.org/fileformat.html, chapters 1 and 2.
const (
	sqliteMagic    = "SQLite format 3\x00"
	sqliteInterior = 5
	sqliteLeaf     = 13
	// sqliteDepth is more than a tree of the largest file has.
	sqliteDepth = 20
	// maxColumns bounds what is read of a row. The schema has 5 columns, rpm's table 2.
	maxColumns = 8
	// maxBlob bounds one row: the largest headers of rpm have some megabytes.
	maxBlob = 64 << 20
)

var errSQLite = errors.New("the database is damaged")

// sqliteFile reads a database that nobody writes to in this moment.
type sqliteFile struct {
	r        io.ReaderAt
	page     int64
	reserved int64
	pages    int64
	left     int64 // pages that may still be read: a damaged file may lead in circles
	rowsLeft int   // likewise
}

func openSQLite(r io.ReaderAt, size int64) (*sqliteFile, error) {
	header := make([]byte, 100)
	if _, err := r.ReadAt(header, 0); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if !bytes.HasPrefix(header, []byte(sqliteMagic)) {
		return nil, errors.New("it is no SQLite database")
	}
	f := &sqliteFile{r: r, page: int64(binary.BigEndian.Uint16(header[16:])), reserved: int64(header[20])}
	if f.page == 1 {
		f.page = 65536
	}
	if f.page < 512 || f.page&(f.page-1) != 0 || f.reserved > f.page-480 {
		return nil, errSQLite
	}
	f.pages = size / f.page
	f.left = 2*f.pages + 1 // the schema, and one table
	f.rowsLeft = 3 * maxPrograms
	return f, nil
}

// rows yields the rows of a table, each the values of its columns as they are
// stored: texts and blobs as bytes, numbers as int64, and nil.
func (f *sqliteFile) rows(table string, each func([]any) error) error {
	root := int64(0)
	err := f.walk(1, 0, func(row []any) error {
		if len(row) > 4 && isText(row[0], "table") && isText(row[1], table) {
			root, _ = row[3].(int64)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case root == 0:
		return fmt.Errorf("there is no table %s", table)
	}
	return f.walk(root, 0, each)
}

func isText(v any, text string) bool {
	b, ok := v.([]byte)
	return ok && string(b) == text
}

// walk goes through a table's tree from a page on.
func (f *sqliteFile) walk(number int64, depth int, each func([]any) error) error {
	page, err := f.read(number)
	if err != nil {
		return err
	}
	head := page
	if number == 1 {
		head = page[100:]
	}
	cells := int(binary.BigEndian.Uint16(head[3:]))
	leaf := head[0] == sqliteLeaf
	pointers := head[8:]
	if !leaf {
		if head[0] != sqliteInterior || depth == sqliteDepth {
			return errSQLite
		}
		pointers = head[12:]
	}
	if len(pointers) < 2*cells {
		return errSQLite
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(pointers[2*i:]))
		if at+4 > len(page) {
			return errSQLite
		}
		if leaf {
			err = f.row(page[at:], each)
		} else {
			err = f.walk(int64(binary.BigEndian.Uint32(page[at:])), depth+1, each)
		}
		if err != nil {
			return err
		}
	}
	if leaf {
		return nil
	}
	return f.walk(int64(binary.BigEndian.Uint32(head[8:])), depth+1, each)
}

func (f *sqliteFile) read(number int64) ([]byte, error) {
	if f.left--; f.left < 0 || number < 1 || number > f.pages {
		return nil, errSQLite
	}
	page := make([]byte, f.page)
	if _, err := f.r.ReadAt(page, (number-1)*f.page); err != nil {
		return nil, fmt.Errorf("read page %d: %w", number, err)
	}
	return page, nil
}

// row reads the cell of a leaf.
func (f *sqliteFile) row(cell []byte, each func([]any) error) error {
	if f.rowsLeft--; f.rowsLeft < 0 {
		return errSQLite
	}
	size, n := uvarint(cell)
	_, m := uvarint(cell[n:])
	if n == 0 || m == 0 || size > maxBlob || int64(size) > f.pages*f.page {
		return errSQLite
	}
	payload, err := f.payload(cell[n+m:], int64(size))
	if err != nil {
		return err
	}
	values, err := columns(payload)
	if err != nil {
		return err
	}
	return each(values)
}

// payload puts together what is in the cell and on the pages that it goes on to.
func (f *sqliteFile) payload(cell []byte, size int64) ([]byte, error) {
	usable := f.page - f.reserved
	local := size
	if most := usable - 35; size > most {
		least := (usable-12)*32/255 - 23
		if local = least + (size-least)%(usable-4); local > most {
			local = least
		}
	}
	rest := int64(0)
	if local < size {
		rest = 4
	}
	if local+rest > int64(len(cell)) {
		return nil, errSQLite
	}
	payload := append(make([]byte, 0, size), cell[:local]...)
	if rest == 0 {
		return payload, nil
	}
	next := int64(binary.BigEndian.Uint32(cell[local:]))
	for int64(len(payload)) < size {
		page, err := f.read(next)
		if err != nil {
			return nil, err
		}
		payload = append(payload, page[4:4+min(usable-4, size-int64(len(payload)))]...)
		next = int64(binary.BigEndian.Uint32(page))
	}
	return payload, nil
}

// columns takes a record apart.
func columns(record []byte) ([]any, error) {
	size, n := uvarint(record)
	if n == 0 || size > uint64(len(record)) || size < uint64(n) {
		return nil, errSQLite
	}
	kinds, data := record[n:size], record[size:]
	var values []any
	for len(kinds) > 0 && len(values) < maxColumns {
		kind, n := uvarint(kinds)
		if n == 0 {
			return nil, errSQLite
		}
		kinds = kinds[n:]
		length := width(kind)
		if length > uint64(len(data)) {
			return nil, errSQLite
		}
		values = append(values, column(kind, data[:length]))
		data = data[length:]
	}
	return values, nil
}

func width(kind uint64) uint64 {
	switch {
	case kind >= 12:
		return (kind - 12) / 2
	case kind >= 8:
		return 0
	}
	return [8]uint64{0, 1, 2, 3, 4, 6, 8, 8}[kind]
}

func column(kind uint64, data []byte) any {
	switch {
	case kind >= 12:
		return data
	case kind == 8, kind == 9:
		return int64(kind - 8)
	case kind == 0, kind == 7:
		return nil // no fractions are needed here
	}
	n := int64(int8(data[0]))
	for _, b := range data[1:] {
		n = n<<8 | int64(b)
	}
	return n
}

// uvarint reads SQLite's numbers of one to nine bytes; n is 0 when they end early.
func uvarint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		if b[n]&0x80 == 0 {
			return v, n + 1
		}
		n++
	}
	if n < len(b) {
		return v<<8 | uint64(b[n]), n + 1
	}
	return 0, 0
}
