package inventory

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/kanade-go/kanade/inventory/facts"
)

// The tags of descriptors that hold text: VESA E-EDID 1.4, table 3.23.
const (
	edidSerial = 0xff
	edidName   = 0xfc
)

// edid reads the first block of what a monitor says of itself.
func edid(data []byte) (facts.Monitor, bool) {
	if len(data) < 128 || !bytes.Equal(data[:8], []byte{0, 255, 255, 255, 255, 255, 255, 0}) {
		return facts.Monitor{}, false
	}
	id := binary.BigEndian.Uint16(data[8:])
	letter := func(shift int) byte { return byte(id>>shift&31) + 'A' - 1 }
	m := facts.Monitor{Vendor: string([]byte{letter(10), letter(5), letter(0)})}
	if serial := binary.LittleEndian.Uint32(data[12:]); serial != 0 {
		m.Serial = strconv.FormatUint(uint64(serial), 10)
	}
	for at := 54; at+18 <= 126; at += 18 {
		describe(&m, data[at:at+18])
	}
	return m, true
}

// describe reads one of four descriptors: the first one is the native resolution.
func describe(m *facts.Monitor, d []byte) {
	switch {
	case d[0] != 0 || d[1] != 0:
		if m.Width == 0 {
			m.Width = int(d[2]) | int(d[4]&0xf0)<<4
			m.Height = int(d[5]) | int(d[7]&0xf0)<<4
		}
	case d[3] == edidName:
		m.Name = edidText(d)
	case d[3] == edidSerial:
		m.Serial = edidText(d)
	}
}

func edidText(d []byte) string {
	text, _, _ := bytes.Cut(d[5:18], []byte{'\n'})
	return clean(string(text))
}
