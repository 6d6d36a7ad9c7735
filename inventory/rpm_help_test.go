//go:build linux

package inventory

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// blobs are the headers in the recorded database.
func blobs(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("testdata/rpm/rpmdb.sqlite.gz")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	var all [][]byte
	require.NoError(t, readRPMSQLite(bytes.NewReader(data), int64(len(data)), func(b []byte) error {
		all = append(all, bytes.Clone(b))
		return nil
	}))
	return all
}

// ndbOf writes headers as rpm's own database has them, a free slot among them.
func ndbOf(blobs [][]byte) string {
	file := make([]byte, ndbPage)
	le := binary.LittleEndian
	le.PutUint32(file, ndbMagic)
	le.PutUint32(file[12:], 1)
	for at := ndbHeader; at < ndbPage; at += ndbSlot {
		le.PutUint32(file[at:], ndbSlotMagic)
	}
	for i, blob := range blobs {
		slot := file[ndbHeader+(2*i+1)*ndbSlot:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(file)/ndbBlock))
		le.PutUint32(slot[12:], uint32(len(blob)/ndbBlock+3))
		head := make([]byte, ndbBlobHead)
		le.PutUint32(head, ndbBlobMagic)
		le.PutUint32(head[4:], uint32(i+1))
		le.PutUint32(head[12:], uint32(len(blob)))
		file = append(append(file, head...), blob...)
		file = append(file, make([]byte, ndbBlock-len(file)%ndbBlock)...)
	}
	return string(file)
}

func FuzzRPM(f *testing.F) {
	for _, b := range blobs(f) {
		f.Add(b[:200])
		f.Add([]byte(ndbOf([][]byte{b[:100]})))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if h, ok := openRPMHeader(data); ok {
			h.program()
		}
		for _, read := range []func(io.ReaderAt, int64, func([]byte) error) error{readRPMSQLite, readNDB, readBerkeley} {
			_ = read(bytes.NewReader(data), int64(len(data)), bounded(int64(len(data)), func([]byte) error { return nil }))
		}
	})
}
