package inventory

import (
	"encoding/binary"
	"errors"
	"io"
)

// The layout of ndb, rpm's own database: a header, pages of slots, and blobs that
// begin at multiples of ndbBlock. Numbers are little endian. lib/backend/ndb of rpm.
const (
	ndbMagic     = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	ndbSlotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	ndbBlobMagic = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	ndbHeader    = 32
	ndbSlot      = 16
	ndbBlock     = 16
	ndbBlobHead  = 16
	ndbPage      = 4096
	// maxSlotPages holds more packages than maxPrograms.
	maxSlotPages = 1024
)

var errNDB = errors.New("the database is damaged")

func readNDB(r io.ReaderAt, size int64, blob func([]byte) error) error {
	head := make([]byte, ndbHeader)
	if _, err := r.ReadAt(head, 0); err != nil {
		return err
	}
	pages := binary.LittleEndian.Uint32(head[12:])
	if binary.LittleEndian.Uint32(head) != ndbMagic || pages == 0 || pages > maxSlotPages {
		return errNDB
	}
	slots := make([]byte, int64(pages)*ndbPage)
	if _, err := r.ReadAt(slots, 0); err != nil {
		return err
	}
	for slot := slots[ndbHeader:]; len(slot) >= ndbSlot; slot = slot[ndbSlot:] {
		index := binary.LittleEndian.Uint32(slot[4:])
		if binary.LittleEndian.Uint32(slot) != ndbSlotMagic {
			return errNDB
		}
		if binary.LittleEndian.Uint32(slot[8:]) == 0 {
			continue // a free one
		}
		data, err := ndbBlob(r, size, int64(binary.LittleEndian.Uint32(slot[8:]))*ndbBlock, index)
		if err != nil {
			return err
		}
		if err := blob(data); err != nil {
			return err
		}
	}
	return nil
}

func ndbBlob(r io.ReaderAt, size, at int64, index uint32) ([]byte, error) {
	head := make([]byte, ndbBlobHead)
	if _, err := r.ReadAt(head, at); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint32(head) != ndbBlobMagic || binary.LittleEndian.Uint32(head[4:]) != index || length > maxBlob || at+ndbBlobHead+length > size {
		return nil, errNDB
	}
	data := make([]byte, length)
	_, err := r.ReadAt(data, at+ndbBlobHead)
	return data, err
}
