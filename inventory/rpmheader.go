package inventory

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/kanade-go/kanade/inventory/facts"
)

// The tags of a header that count here, and the types of their values:
// rpmtag.h.
const (
	rpmName        = 1000
	rpmVersion     = 1001
	rpmRelease     = 1002
	rpmEpoch       = 1003
	rpmInstallTime = 1008
	rpmSize        = 1009
	rpmVendor      = 1011
	rpmPackager    = 1015
	rpmGroup       = 1016
	rpmArch        = 1022
	rpmLongSize    = 5009

	rpmInt32 = 4
	rpmInt64 = 5
	rpmText  = 6
	rpmTexts = 8
	rpmI18n  = 9
)

// rpmEntrySize is the size of an entry in a header's index: tag, type, place and
// count of a value.
const rpmEntrySize = 16

var errRPMHeader = errors.New("headers of rpm's database are damaged")

// rpmHeader is what rpm keeps of a package: an index of tags and their values,
// in the byte order of the network.
type rpmHeader struct{ index, values []byte }

func openRPMHeader(blob []byte) (h rpmHeader, ok bool) {
	if len(blob) < 8 {
		return rpmHeader{}, false
	}
	entries, size := uint64(binary.BigEndian.Uint32(blob)), uint64(binary.BigEndian.Uint32(blob[4:]))
	if 8+entries*rpmEntrySize+size > uint64(len(blob)) {
		return rpmHeader{}, false
	}
	rest := blob[8:]
	return rpmHeader{rest[:entries*rpmEntrySize], rest[entries*rpmEntrySize:]}, true
}

// find is the type of a tag and what is from its value on.
func (h rpmHeader) find(tag uint32) (kind uint32, value []byte) {
	for at := 0; at < len(h.index); at += rpmEntrySize {
		entry := h.index[at:]
		if binary.BigEndian.Uint32(entry) != tag {
			continue
		}
		offset := binary.BigEndian.Uint32(entry[8:])
		if uint64(offset) > uint64(len(h.values)) {
			return 0, nil
		}
		return binary.BigEndian.Uint32(entry[4:]), h.values[offset:]
	}
	return 0, nil
}

func (h rpmHeader) text(tag uint32) string {
	kind, value := h.find(tag)
	if kind != rpmText && kind != rpmTexts && kind != rpmI18n {
		return ""
	}
	text, _, ok := bytes.Cut(value, []byte{0})
	if !ok {
		return ""
	}
	return clean(string(text))
}

func (h rpmHeader) number(tag uint32) (uint64, bool) {
	switch kind, value := h.find(tag); {
	case kind == rpmInt32 && len(value) >= 4:
		return uint64(binary.BigEndian.Uint32(value)), true
	case kind == rpmInt64 && len(value) >= 8:
		return binary.BigEndian.Uint64(value), true
	}
	return 0, false
}

func (h rpmHeader) program() facts.Program {
	version := h.text(rpmVersion) + "-" + h.text(rpmRelease)
	if epoch, ok := h.number(rpmEpoch); ok && epoch > 0 {
		version = decimal(epoch) + ":" + version
	}
	size, ok := h.number(rpmLongSize)
	if !ok {
		size, _ = h.number(rpmSize)
	}
	installed, _ := h.number(rpmInstallTime)
	return facts.Program{
		Name: h.text(rpmName), Version: version, Arch: h.text(rpmArch), Publisher: first(h.text(rpmVendor), h.text(rpmPackager)),
		Section: h.text(rpmGroup), Source: "rpm", ID: h.text(rpmName), Bytes: size, Installed: seconds(decimal(installed)),
	}
}
