package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// Offsets in the header of a 64-bit ELF file, and the size of a section's header.
const (
	elfSectionsAt    = 0x28
	elfSectionCount  = 0x3c
	elfSectionHeader = 64
)

// addToELF appends the section of the metadata, which is not loaded: its content, a longer table of names
// and a longer table of sections go to the end of the file. Nothing that is there moves.
func addToELF(file, content []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("read ELF: %w", err)
	}
	if f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian {
		return nil, errors.New("read ELF: not a 64-bit little-endian file")
	}
	le := binary.LittleEndian
	if f.Section(metadataSection) != nil {
		return nil, fmt.Errorf("it has a section %s already", metadataSection)
	}
	count, namesAt := int(le.Uint16(file[elfSectionCount:])), int(le.Uint16(file[elfSectionCount+2:]))
	at := le.Uint64(file[elfSectionsAt:])
	table := bytes.Clone(file[at : at+uint64(count)*elfSectionHeader])
	oldNames, err := f.Sections[namesAt].Data()
	if err != nil {
		return nil, fmt.Errorf("read ELF: section names: %w", err)
	}

	out := bytes.Clone(file)
	names := append(bytes.Clone(oldNames), metadataSection+"\x00"...)
	contentAt := uint64(len(out))
	out = append(out, content...)
	newNamesAt := uint64(len(out))
	out = append(out, names...)
	out = append(out, make([]byte, -len(out)&7)...)
	le.PutUint64(out[elfSectionsAt:], uint64(len(out)))
	le.PutUint16(out[elfSectionCount:], uint16(count+1))

	header := table[namesAt*elfSectionHeader:]
	le.PutUint64(header[0x18:], newNamesAt)
	le.PutUint64(header[0x20:], uint64(len(names)))
	added := make([]byte, elfSectionHeader)
	le.PutUint32(added, uint32(len(oldNames)))
	le.PutUint32(added[4:], uint32(elf.SHT_PROGBITS))
	le.PutUint64(added[0x18:], contentAt)
	le.PutUint64(added[0x20:], uint64(len(content)))
	le.PutUint64(added[0x30:], 1)
	return append(append(out, table...), added...), nil
}
