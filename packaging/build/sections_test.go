package main

import (
	"bytes"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// smallProgram is the smallest that Go makes for a system; it prints ok.
func smallProgram(t *testing.T, goos string) []byte {
	t.Helper()
	dir := t.TempDir()
	source, path := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"ok\") }\n"), 0o600))
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, source)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return file
}

func TestASectionIsAddedToAProgramForLinux(t *testing.T) {
	t.Parallel()
	file := smallProgram(t, "linux")
	before := bytes.Clone(file)
	content := metadata("1.4.0", platforms[0])
	out, err := addToELF(file, content)
	require.NoError(t, err)
	require.Equal(t, before, file, "what was given stays as it is")

	was, err := elf.NewFile(bytes.NewReader(file))
	require.NoError(t, err)
	is, err := elf.NewFile(bytes.NewReader(out))
	require.NoError(t, err)
	require.Len(t, is.Sections, len(was.Sections)+1)
	for i, s := range was.Sections {
		require.Equal(t, s.Name, is.Sections[i].Name)
		require.Equal(t, s.Addr, is.Sections[i].Addr)
	}
	got, err := is.Section(metadataSection).Data()
	require.NoError(t, err)
	require.Equal(t, content, got)
	_, err = addToELF(out, content)
	require.ErrorContains(t, err, "already")

	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		path := filepath.Join(t.TempDir(), "program")
		syscall.ForkLock.RLock() // what another test starts meanwhile would hold the file for a moment, and a file that is written is not run
		err := os.WriteFile(path, out, 0o700)
		syscall.ForkLock.RUnlock()
		require.NoError(t, err)
		said, err := exec.Command(path).Output()
		require.NoError(t, err)
		require.Equal(t, "ok", string(said))
	}
}

func TestSectionsAreAddedToAProgramForWindows(t *testing.T) {
	t.Parallel()
	file := smallProgram(t, "windows")
	info := versionInfo{name: program, version: "1.4.0-rc.1", numbers: [3]uint64{1, 4, 0}}
	content := metadata("1.4.0-rc.1", platforms[2])
	out, err := addToPE(file, info.resource, peSection{metadataSection, content})
	require.NoError(t, err)
	f, err := pe.NewFile(bytes.NewReader(out))
	require.NoError(t, err)
	head := f.OptionalHeader.(*pe.OptionalHeader64)

	end := uint32(0)
	for _, s := range f.Sections {
		require.Zero(t, s.VirtualAddress%head.SectionAlignment, s.Name)
		require.Zero(t, s.Offset%head.FileAlignment, s.Name)
		require.Zero(t, s.Size%head.FileAlignment, s.Name)
		require.GreaterOrEqual(t, s.VirtualAddress, end, "sections do not overlap: %s", s.Name)
		end = s.VirtualAddress + s.VirtualSize
	}
	require.Equal(t, aligned(end, head.SectionAlignment), head.SizeOfImage)
	got, err := f.Section(metadataSection).Data()
	require.NoError(t, err)
	require.Equal(t, content, got[:len(content)])

	section := f.Section(".rsrc")
	require.Equal(t, section.VirtualAddress, head.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_RESOURCE].VirtualAddress)
	resources, err := section.Data()
	require.NoError(t, err)
	at := binary.LittleEndian.Uint32(resources[72:]) - section.VirtualAddress
	block := resources[at : at+binary.LittleEndian.Uint32(resources[76:])]
	require.Len(t, block, int(binary.LittleEndian.Uint16(block)), "the block knows its own length")
	require.Equal(t, "1.4.0-rc.1", versionString(t, block, "ProductVersion"))
	require.Equal(t, "kanade-agent.exe", versionString(t, block, "OriginalFilename"))

	_, err = addToPE(out, info.resource, peSection{metadataSection, content})
	require.ErrorContains(t, err, "already")
}

// versionString finds the value that follows a key.
func versionString(t *testing.T, block []byte, key string) string {
	t.Helper()
	at := bytes.Index(block, wide(key))
	require.Positive(t, at, key)
	at = (at + len(wide(key)) + 3) &^ 3
	var units []uint16
	for unit := binary.LittleEndian.Uint16(block[at:]); unit != 0; unit = binary.LittleEndian.Uint16(block[at:]) {
		units = append(units, unit)
		at += 2
	}
	return string(utf16.Decode(units))
}

func TestWhatIsNoProgramGetsNoSection(t *testing.T) {
	t.Parallel()
	linux, windows := smallProgram(t, "linux"), smallProgram(t, "windows")
	none := func(uint32) []byte { return nil }
	for name, file := range map[string][]byte{"nothing": {}, "text": []byte("#!/bin/sh\n"), "a cut ELF": linux[:100], "a cut PE": windows[:200]} {
		_, err := addToELF(file, nil)
		require.Error(t, err, name)
		_, err = addToPE(file, none, peSection{metadataSection, nil})
		require.Error(t, err, name)
	}
	_, err := addToELF(windows, nil)
	require.Error(t, err)
	_, err = addToPE(linux, none, peSection{metadataSection, nil})
	require.Error(t, err)
}

// No room is an error: the header of another section would be overwritten.
func TestATableOfSectionsHasAnEnd(t *testing.T) {
	t.Parallel()
	image := smallProgram(t, "windows")
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = addSection(&image, ".s"+string(rune('A'+i)), func(uint32) []byte { return []byte{1} })
	}
	require.ErrorContains(t, err, "no room")
	_, err = pe.NewFile(bytes.NewReader(image))
	require.NoError(t, err)
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	m := metadata("1.4.0", platforms[1])
	require.Equal(t, "KNAGMETA\x01\x00\x00\x00", string(m[:12]))
	require.True(t, bytes.HasSuffix(m, []byte(`{"product":"kanade-agent","version":"1.4.0","platform":"linux-aarch64"}`)), "byte for byte: %s", m[16:])
	require.Len(t, m[16:], int(binary.LittleEndian.Uint32(m[12:])))
}
