package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const someCode = "{00000000-0000-0000-0000-000000000000}"

// installer is a file with a summary somewhere in it: two times and the package code.
func installer() []byte {
	le := binary.LittleEndian
	file := append(make([]byte, 100), make([]byte, 28)...)
	file = append(file, summaryMark...)
	file = le.AppendUint32(file, 48)
	section := le.AppendUint32(nil, 0)
	section = le.AppendUint32(section, 3)
	for _, pair := range [][2]uint32{{created, 32}, {saved, 44}, {packageCode, 56}} {
		section = le.AppendUint32(le.AppendUint32(section, pair[0]), pair[1])
	}
	for range 2 {
		section = le.AppendUint64(le.AppendUint32(section, typeTime), 1)
	}
	section = le.AppendUint32(le.AppendUint32(section, typeString), uint32(len(someCode)+1))
	return append(append(file, section...), someCode+"\x00"...)
}

func TestTheInstallersSummaryIsSettled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.msi")
	before := installer()
	require.NoError(t, os.WriteFile(path, before, 0o600))
	code := uuid.MustParse("2f7a1c52-8d0b-4f2e-9c36-7c4e5b0f6d44")
	require.NoError(t, settle(path, code, time.Date(2026, 2, 2, 2, 40, 0, 0, time.UTC)))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	require.Contains(t, string(after), "{2F7A1C52-8D0B-4F2E-9C36-7C4E5B0F6D44}\x00")
	section := after[100+48:]
	for _, at := range []int{32, 44} { // 100 ns since 1601
		require.Equal(t, uint64(134144736000000000), binary.LittleEndian.Uint64(section[at+4:]))
	}
}

func TestABrokenSummaryIsAnError(t *testing.T) {
	t.Parallel()
	put := func(at int, n uint32) func([]byte) []byte {
		return func(file []byte) []byte {
			binary.LittleEndian.PutUint32(file[at:], n)
			return file
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"none":                   func([]byte) []byte { return []byte("text") },
		"two":                    func(file []byte) []byte { return append(file, summaryMark...) },
		"cut at the mark":        func(file []byte) []byte { return file[:100+28+18] },
		"cut in the code":        func(file []byte) []byte { return file[:len(file)-20] },
		"a section beyond":       put(100+44, 1<<30),
		"too many pairs":         put(148+4, 1<<20),
		"a value beyond":         put(148+8+4, 1<<30),
		"a time that is none":    put(148+32, typeString),
		"a code that is none":    put(148+56, typeTime),
		"a code of other length": put(148+60, 7),
		"a property is missing":  put(148+8, 77),
	} {
		path := filepath.Join(t.TempDir(), "x.msi")
		require.NoError(t, os.WriteFile(path, change(installer()), 0o600))
		require.Error(t, settle(path, uuid.Nil, time.Unix(0, 0)), name)
	}
}
