package inventory

import (
	"encoding/binary"
	"errors"
	"io"
)

// The parts of Berkeley DB's hash files, version 8 to 10, that reading all values
// takes: db_page.h. Numbers have the byte order of the machine that wrote them.
const (
	dbHashMagic = 0x061561
	dbHashPages = 13 // sorted; 2 is the older kind
	dbHashOld   = 2
	dbOverflow  = 7
	dbOffPage   = 3 // a value that is on pages of its own
	dbKeyData   = 1
	dbPageHead  = 26
)

var errBerkeley = errors.New("the database is damaged, or of a kind that rpm does not use")

// readBerkeley goes through the pages one by one, which needs no knowledge of how
// keys are spread. rpm's keys are numbers; its values are large and therefore
// nearly all on pages of their own.
func readBerkeley(r io.ReaderAt, size int64, blob func([]byte) error) error {
	meta := make([]byte, 512)
	if _, err := r.ReadAt(meta, 0); err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint32(meta[12:]) == dbHashMagic {
		order = binary.BigEndian
	}
	b := &berkeley{r: r, order: order, page: int64(order.Uint32(meta[20:]))}
	if order.Uint32(meta[12:]) != dbHashMagic || b.page < 512 || b.page > 65536 || b.page&(b.page-1) != 0 || meta[24] != 0 {
		return errBerkeley // meta[24] names an encryption
	}
	b.pages = size / b.page
	b.left = 2 * b.pages
	if last := int64(order.Uint32(meta[32:])); last >= b.pages {
		return errBerkeley
	}
	for number := int64(1); number < b.pages; number++ {
		if err := b.values(number, blob); err != nil {
			return err
		}
	}
	return nil
}

type berkeley struct {
	r     io.ReaderAt
	order binary.ByteOrder
	page  int64
	pages int64
	left  int64 // pages that may still be read: a damaged file may lead in circles
}

func (b *berkeley) read(number int64) ([]byte, error) {
	if b.left--; b.left < 0 || number < 1 || number >= b.pages {
		return nil, errBerkeley
	}
	page := make([]byte, b.page)
	_, err := b.r.ReadAt(page, number*b.page)
	return page, err
}

// values hands on the values of a page of the hash; keys and values take turns.
func (b *berkeley) values(number int64, blob func([]byte) error) error {
	page, err := b.read(number)
	if err != nil {
		return err
	}
	if kind := page[25]; kind != dbHashPages && kind != dbHashOld {
		return nil
	}
	entries := int(b.order.Uint16(page[20:]))
	if dbPageHead+2*entries > len(page) {
		return errBerkeley
	}
	for i := 1; i < entries; i += 2 {
		data, err := b.value(page, i)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		if err := blob(data); err != nil {
			return err
		}
	}
	return nil
}

// value is an entry of a page: there, or on pages of its own. Those of a few bytes
// are rpm's own counters.
func (b *berkeley) value(page []byte, i int) ([]byte, error) {
	at := int(b.order.Uint16(page[dbPageHead+2*i:]))
	end := int(b.order.Uint16(page[dbPageHead+2*(i-1):])) // entries are filled from the end
	if at >= end || end > len(page) {
		return nil, errBerkeley
	}
	switch page[at] {
	case dbOffPage:
		if at+12 > end {
			return nil, errBerkeley
		}
		return b.chain(int64(b.order.Uint32(page[at+4:])), int64(b.order.Uint32(page[at+8:])))
	case dbKeyData:
		if end-at > 16 {
			return page[at+1 : end], nil
		}
	}
	return nil, nil
}

// chain puts a value together from the pages that it is on.
func (b *berkeley) chain(number, size int64) ([]byte, error) {
	if size > maxBlob || size > b.pages*b.page {
		return nil, errBerkeley
	}
	data := make([]byte, 0, size)
	for int64(len(data)) < size {
		page, err := b.read(number)
		if err != nil {
			return nil, err
		}
		length := int64(b.order.Uint16(page[22:])) // of what is on an overflow page
		if page[25] != dbOverflow || length == 0 || dbPageHead+length > b.page {
			return nil, errBerkeley
		}
		data = append(data, page[dbPageHead:dbPageHead+length]...)
		number = int64(b.order.Uint32(page[16:]))
	}
	return data[:size], nil
}
