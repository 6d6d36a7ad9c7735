package update

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func elf(machine uint16) []byte {
	h := make([]byte, 64)
	copy(h, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(h[18:], machine)
	return h
}

func pe(machine uint16, at uint32) []byte {
	h := make([]byte, 256)
	copy(h, "MZ")
	binary.LittleEndian.PutUint32(h[60:], at)
	copy(h[128:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(h[132:], machine)
	return h
}

func macho(cpu uint32) []byte {
	h := make([]byte, 32)
	binary.LittleEndian.PutUint32(h, 0xfeedfacf)
	binary.LittleEndian.PutUint32(h[4:], cpu)
	return h
}

func universal(cpus ...uint32) []byte {
	h := make([]byte, 8+20*len(cpus))
	binary.BigEndian.PutUint32(h, 0xcafebabe)
	binary.BigEndian.PutUint32(h[4:], uint32(len(cpus)))
	for i, cpu := range cpus {
		binary.BigEndian.PutUint32(h[8+20*i:], cpu)
	}
	return h
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file     []byte
		os, arch string
		ok       bool
	}{
		"linux":              {elf(62), "linux", "x86_64", true},
		"arm for intel":      {elf(183), "linux", "x86_64", false},
		"linux for windows":  {elf(62), "windows", "x86_64", false},
		"windows":            {pe(0x8664, 128), "windows", "x86_64", true},
		"windows on arm":     {pe(0xaa64, 128), "windows", "aarch64", true},
		"windows for linux":  {pe(0x8664, 128), "linux", "x86_64", false},
		"header outside":     {pe(0x8664, 1<<31), "windows", "x86_64", false},
		"header at the edge": {pe(0x8664, 253), "windows", "x86_64", false},
		"mac":                {macho(0x0100000c), "macos", "aarch64", true},
		"mac, universal":     {universal(0x01000007, 0x0100000c), "macos", "aarch64", true},
		"too many parts":     {append(universal()[:4], 0xff, 0xff, 0xff, 0xff), "macos", "aarch64", false},
		"a script":           {[]byte("#!/bin/sh\n"), "linux", "x86_64", false},
		"nothing":            {nil, "linux", "x86_64", false},
		"unknown machine":    {elf(9999), "linux", "x86_64", false},
	} {
		err := checkPlatform(bytes.NewReader(tc.file), tc.os, tc.arch)
		if tc.ok {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, ErrPlatform, name)
	}
}

func TestThisProgramIsForThisPlatform(t *testing.T) {
	t.Parallel()
	path, err := os.Executable()
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	system, arch, err := PlatformOf(f)
	require.NoError(t, err)
	require.Equal(t, []string{wire.OSFamily(runtime.GOOS), wire.AgentArch(runtime.GOARCH)}, []string{system, arch})
}

func FuzzPlatform(f *testing.F) {
	for _, seed := range [][]byte{elf(62), pe(0x8664, 128), macho(0x01000007), universal(1, 2)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		format, machines := platformOf(data)
		require.NotEmpty(t, format)
		require.LessOrEqual(t, len(machines), 8)
	})
}
