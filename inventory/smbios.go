package inventory

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// memoryDevice is the type of the structures that describe memory modules, and
// endOfTable that of the last one: SMBIOS specification 3.7, chapter 7.
const (
	memoryDevice = 17
	endOfTable   = 127
)

// memoryTypes are of SMBIOS 3.7, table 78.
var memoryTypes = map[byte]string{
	0x12: "DDR", 0x13: "DDR2", 0x14: "DDR2", 0x18: "DDR3", 0x1a: "DDR4", 0x1b: "LPDDR", 0x1c: "LPDDR2", 0x1d: "LPDDR3", 0x1e: "LPDDR4",
	0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3", 0x0f: "SDRAM", 0x07: "RAM",
}

// structure is one of the firmware's table: its formatted part and its texts.
type structure struct {
	kind  byte
	data  []byte
	texts []string
}

// smbios takes a table apart. What is damaged ends it with an error beside what
// was whole.
func smbios(table []byte) ([]structure, error) {
	var all []structure
	for len(table) >= 4 {
		kind, size := table[0], int(table[1])
		if size < 4 || size > len(table) {
			return all, fmt.Errorf("the table of the firmware is damaged at structure %d", len(all))
		}
		end := bytes.Index(table[size:], []byte{0, 0})
		if end < 0 {
			return all, fmt.Errorf("the table of the firmware ends within structure %d", len(all))
		}
		all = append(all, structure{kind, table[:size], strings.Split(string(table[size:size+end]), "\x00")})
		if kind == endOfTable {
			break
		}
		table = table[size+end+2:]
	}
	return all, nil
}

func (s structure) text(at int) string {
	if at >= len(s.data) || s.data[at] == 0 || int(s.data[at]) > len(s.texts) {
		return ""
	}
	return meant(clean(s.texts[s.data[at]-1]))
}

func (s structure) word(at int) uint64 {
	if at+2 > len(s.data) {
		return 0
	}
	return uint64(binary.LittleEndian.Uint16(s.data[at:]))
}

func (s structure) double(at int) uint64 {
	if at+4 > len(s.data) {
		return 0
	}
	return uint64(binary.LittleEndian.Uint32(s.data[at:]))
}

func (s structure) octet(at int) byte {
	if at >= len(s.data) {
		return 0
	}
	return s.data[at]
}

// module is a memory device, if its slot holds one.
func (s structure) module() (facts.MemoryModule, bool) {
	size := s.word(0x0c)
	switch {
	case s.kind != memoryDevice || size == 0 || size == 0xffff:
		return facts.MemoryModule{}, false
	case size == 0x7fff:
		size = s.double(0x1c) & 0x7fffffff << 20
	case size&0x8000 != 0:
		size = size & 0x7fff << 10
	default:
		size <<= 20
	}
	speed := s.word(0x15)
	if speed == 0xffff {
		speed = s.double(0x54)
	}
	return facts.MemoryModule{
		Slot: s.text(0x10), Bytes: size, Type: memoryTypes[s.octet(0x12)], MTps: int(speed),
		Vendor: s.text(0x17), Serial: s.text(0x18), Part: s.text(0x1a),
	}, true
}

func modules(table []byte) ([]facts.MemoryModule, error) {
	all, err := smbios(table)
	var found []facts.MemoryModule
	for _, s := range all {
		if m, ok := s.module(); ok {
			found = append(found, m)
		}
	}
	return found, err
}

// The types of the structures that describe the machine: SMBIOS 3.7, chapter 7.
const (
	biosInformation    = 0
	systemInformation  = 1
	boardInformation   = 2
	chassisInformation = 3
)

// machine is what the table says of the machine. The first structure of a type
// counts: others describe parts of it.
func machine(table []byte) (facts.Hardware, error) {
	all, err := smbios(table)
	var h facts.Hardware
	seen := make(map[byte]bool)
	for _, s := range all {
		if m, ok := s.module(); ok {
			h.MemoryModules = append(h.MemoryModules, m)
		}
		if !seen[s.kind] {
			seen[s.kind] = true
			s.describe(&h)
		}
	}
	if hypervisor(h) != "" {
		h.Chassis = "virtual"
	}
	return h, err
}

func (s structure) describe(h *facts.Hardware) {
	switch s.kind {
	case biosInformation:
		h.BIOS.Vendor, h.BIOS.Version, h.BIOS.Date = s.text(0x04), s.text(0x05), isoDate(s.text(0x08))
	case systemInformation:
		h.Vendor, h.Model, h.Serial, h.SKU, h.UUID = s.text(0x04), s.text(0x05), s.text(0x07), s.text(0x19), s.uuid(0x08)
	case boardInformation:
		h.Board = facts.Board{Vendor: s.text(0x04), Model: s.text(0x05), Serial: s.text(0x07)}
	case chassisInformation:
		h.Chassis = chassisTypes[uint64(s.octet(0x05)&0x7f)]
		h.AssetTag = s.text(0x08)
	}
}

// uuid: the first three numbers are little-endian since version 2.6. All zeros or
// ones mean that there is none.
func (s structure) uuid(at int) string {
	if at+16 > len(s.data) {
		return ""
	}
	id := s.data[at : at+16]
	if strings.Count(string(id), "\x00") == 16 || strings.Count(string(id), "\xff") == 16 {
		return ""
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", s.double(at), s.word(at+4), s.word(at+6), id[8:10], id[10:])
}

// hypervisor names the one that a machine is made by; empty for a real one.
func hypervisor(h facts.Hardware) string {
	said := strings.ToLower(h.Vendor + " " + h.Model + " " + h.BIOS.Vendor)
	for _, v := range hypervisors {
		if strings.Contains(said, v.sign) {
			return v.name
		}
	}
	return ""
}
