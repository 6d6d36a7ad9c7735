package main

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// versionInfo is the resource of a program for Windows that Explorer, installers and a
// fleet's backend read the version from.
type versionInfo struct {
	name    string
	version string
	numbers [3]uint64
}

// Numbers of the format: the type of the resource, its only ID, the language, and what
// the fixed part says of itself.
const (
	typeVersion  = 16
	resourceID   = 1
	english      = 0x0409
	unicodePage  = 0x04b0
	fixedMagic   = 0xfeef04bd
	windowsNT    = 0x00040004
	isProgram    = 1
	isDirectory  = 0x80000000
	resourceHead = 3*(16+8) + 16 // three directories of one entry each, and the entry of the data
)

// resource is the content of the section .rsrc at this address.
func (v versionInfo) resource(address uint32) []byte {
	data := v.block()
	var out bytes.Buffer
	put := func(values ...any) {
		for _, value := range values {
			_ = binary.Write(&out, binary.LittleEndian, value) // to memory
		}
	}
	directory := func(id, entry uint32) { put(uint32(0), uint32(0), uint32(0), uint16(0), uint16(1), id, entry) }
	directory(typeVersion, isDirectory|24)
	directory(resourceID, isDirectory|48)
	directory(english, 72)
	put(address+resourceHead, uint32(len(data)), uint32(0), uint32(0))
	out.Write(data)
	return out.Bytes()
}

func (v versionInfo) block() []byte {
	var fixed bytes.Buffer
	high, low := uint32(v.numbers[0]<<16|v.numbers[1]&0xffff), uint32(v.numbers[2]<<16)
	for _, n := range []uint32{fixedMagic, 1 << 16, high, low, high, low, 0x3f, 0, windowsNT, isProgram, 0, 0, 0} {
		_ = binary.Write(&fixed, binary.LittleEndian, n) // to memory
	}
	var texts []byte
	for _, s := range [][2]string{
		{"FileDescription", v.name},
		{"FileVersion", v.version},
		{"InternalName", v.name},
		{"LegalCopyright", "MIT licence"},
		{"OriginalFilename", v.name + ".exe"},
		{"ProductName", v.name},
		{"ProductVersion", v.version},
	} {
		value := wide(s[1])
		texts = append(padded(texts), node(s[0], true, len(value)/2, value)...)
	}
	table := node("040904b0", true, 0, texts)
	translation := node("Translation", false, 4, binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, english), unicodePage))
	children := append(padded(node("StringFileInfo", true, 0, table)), node("VarFileInfo", true, 0, translation)...)
	return node("VS_VERSION_INFO", false, fixed.Len(), append(padded(fixed.Bytes()), children...))
}

// node is a length, the length of its value, whether that is text, a key, and what is
// inside. The value's length counts characters if it is text, else bytes.
func node(key string, text bool, valueLength int, inside []byte) []byte {
	head := make([]byte, 6)
	if text {
		head[4] = 1
	}
	binary.LittleEndian.PutUint16(head[2:], uint16(valueLength))
	all := append(padded(append(head, wide(key)...)), inside...)
	binary.LittleEndian.PutUint16(all, uint16(len(all)))
	return all
}

// padded fills up to a multiple of four bytes.
func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func wide(s string) (b []byte) {
	for _, unit := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}
