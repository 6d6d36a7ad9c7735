package update

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrPlatform says that an executable is for another system or processor.
var ErrPlatform = errors.New("update: the executable is for another platform")

// headerSize is how much of a file is looked at. Where a PE header lies further
// back, no linker has made it.
const headerSize = 4 << 10

var (
	elfMachines  = map[uint16]string{62: "x86_64", 183: "aarch64", 3: "x86", 40: "arm"}
	peMachines   = map[uint16]string{0x8664: "x86_64", 0xaa64: "aarch64", 0x14c: "x86", 0x1c4: "arm"}
	machMachines = map[uint32]string{0x01000007: "x86_64", 0x0100000c: "aarch64"}
)

// format is the kind of file that an OS starts, by the wire's name for it.
func formatOf(os string) string {
	switch os {
	case "windows":
		return "PE"
	case "macos":
		return "Mach-O"
	}
	return "ELF"
}

// checkPlatform reads the header of an executable.
func checkPlatform(r io.Reader, os, arch string) error {
	header := make([]byte, headerSize)
	n, err := io.ReadFull(r, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("update: read header: %w", err)
	}
	format, machines := platformOf(header[:n])
	if format != formatOf(os) || !slices.Contains(machines, arch) {
		return fmt.Errorf("%w: it is %s for %v, this host needs %s for %s", ErrPlatform, format, machines, formatOf(os), arch)
	}
	return nil
}

// platformOf tells the format and the processors; one, but for a Mach-O file with
// several inside.
func platformOf(h []byte) (format string, machines []string) {
	switch {
	case len(h) >= 20 && string(h[:4]) == "\x7fELF":
		order := binary.ByteOrder(binary.LittleEndian)
		if h[5] == 2 {
			order = binary.BigEndian
		}
		return "ELF", named(elfMachines, order.Uint16(h[18:]))
	case len(h) >= 64 && string(h[:2]) == "MZ":
		at := binary.LittleEndian.Uint32(h[60:])
		if uint64(at)+6 > uint64(len(h)) || string(h[at:at+4]) != "PE\x00\x00" {
			return "not an executable", nil
		}
		return "PE", named(peMachines, binary.LittleEndian.Uint16(h[at+4:]))
	case len(h) >= 8 && binary.LittleEndian.Uint32(h) == 0xfeedfacf:
		return "Mach-O", named(machMachines, binary.LittleEndian.Uint32(h[4:]))
	case len(h) >= 8 && binary.BigEndian.Uint32(h) == 0xcafebabe:
		return "Mach-O", fatMachines(h)
	}
	return "not an executable", nil
}

// fatMachines are the parts of a Mach-O file for several processors: 20 bytes each.
func fatMachines(h []byte) (all []string) {
	for i := range binary.BigEndian.Uint32(h[4:]) {
		at := 8 + 20*uint64(i)
		if i >= 8 || at+4 > uint64(len(h)) {
			break
		}
		all = append(all, named(machMachines, binary.BigEndian.Uint32(h[at:]))...)
	}
	return all
}

func named[K comparable](names map[K]string, machine K) []string {
	if name, ok := names[machine]; ok {
		return []string{name}
	}
	return []string{fmt.Sprintf("machine %v", machine)}
}

// PlatformOf reads the header of an executable for one system and one processor, by
// the wire's names. An ELF file is taken for one of Linux.
func PlatformOf(r io.Reader) (os, arch string, err error) {
	header := make([]byte, headerSize)
	n, err := io.ReadFull(r, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", "", fmt.Errorf("update: read header: %w", err)
	}
	format, machines := platformOf(header[:n])
	if len(machines) == 0 {
		return "", "", fmt.Errorf("%w: it is %s", ErrPlatform, format)
	}
	for _, os := range []string{"linux", "windows", "macos"} {
		if formatOf(os) == format && len(machines) == 1 {
			return os, machines[0], nil
		}
	}
	return "", "", fmt.Errorf("%w: %s for %v is none of ours", ErrPlatform, format, machines)
}
