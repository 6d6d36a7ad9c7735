package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
)

// Offsets in the optional header of a 64-bit PE file; the header starts after the
// signature and the file header.
const (
	peInitializedData = 8
	peSectionAlign    = 32
	peFileAlign       = 36
	peImageSize       = 56
	peHeadersSize     = 60
	peChecksum        = 64
	peResourceDir     = 112 + 2*8
	peSectionHeader   = 40

	// peReadOnlyData: initialised data, readable.
	peReadOnlyData = 0x40000040
)

type peSection struct {
	name    string
	content []byte
}

// addToPE appends the section with the resources, which need to know their address,
// and another one. There is room for their headers, or an error.
func addToPE(file []byte, resources func(address uint32) []byte, other peSection) ([]byte, error) {
	image := bytes.Clone(file)
	address, err := addSection(&image, ".rsrc", resources)
	if err != nil {
		return nil, err
	}
	optional := image[optionalHeader(image):]
	binary.LittleEndian.PutUint32(optional[peResourceDir:], address)
	binary.LittleEndian.PutUint32(optional[peResourceDir+4:], uint32(len(resources(address))))
	_, err = addSection(&image, other.name, func(uint32) []byte { return other.content })
	return image, err
}

func optionalHeader(image []byte) uint32 {
	return binary.LittleEndian.Uint32(image[0x3c:]) + 4 + 20
}

func addSection(image *[]byte, name string, content func(address uint32) []byte) (address uint32, err error) {
	f, err := pe.NewFile(bytes.NewReader(*image))
	if err != nil {
		return 0, fmt.Errorf("read PE: %w", err)
	}
	if _, ok := f.OptionalHeader.(*pe.OptionalHeader64); !ok {
		return 0, errors.New("read PE: not a 64-bit file")
	}
	if f.Section(name) != nil {
		return 0, fmt.Errorf("it has a section %s already", name)
	}
	le, at := binary.LittleEndian, optionalHeader(*image)
	optional := (*image)[at:]
	sectionAlign, fileAlign := le.Uint32(optional[peSectionAlign:]), le.Uint32(optional[peFileAlign:])
	header := at + uint32(f.SizeOfOptionalHeader) + peSectionHeader*uint32(f.NumberOfSections)
	if header+peSectionHeader > le.Uint32(optional[peHeadersSize:]) {
		return 0, fmt.Errorf("no room for the header of section %s", name)
	}

	address = aligned(le.Uint32(optional[peImageSize:]), sectionAlign)
	data := content(address)
	size := aligned(uint32(len(data)), fileAlign)
	le.PutUint16((*image)[at-20+2:], f.NumberOfSections+1)
	le.PutUint32(optional[peInitializedData:], le.Uint32(optional[peInitializedData:])+size)
	le.PutUint32(optional[peImageSize:], aligned(address+uint32(len(data)), sectionAlign))
	le.PutUint32(optional[peChecksum:], 0) // programs need none

	*image = append(*image, make([]byte, aligned(uint32(len(*image)), fileAlign)-uint32(len(*image)))...)
	h := (*image)[header : header+peSectionHeader]
	clear(h)
	copy(h, name)
	for i, n := range []uint32{uint32(len(data)), address, size, uint32(len(*image))} {
		le.PutUint32(h[8+4*i:], n)
	}
	le.PutUint32(h[36:], peReadOnlyData)
	*image = append(*image, append(data, make([]byte, size-uint32(len(data)))...)...)
	return address, nil
}

func aligned(n, to uint32) uint32 { return (n + to - 1) / to * to }
