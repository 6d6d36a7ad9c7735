package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// FuzzLedgerFile: whatever is found as the ledger's file, the ledger opens, keeps
// the lines that are whole, takes new commands, and says the same after the next
// start.
func FuzzLedgerFile(f *testing.F) {
	whole := ledgerFile(f)
	f.Add([]byte{})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:len(whole)/2])
	f.Add(append([]byte("\n\n00000000 {}\n"), whole...))
	f.Add(append(bytes.Repeat([]byte{0}, 5000), whole...))
	f.Add(append(whole[:len(whole)/2:len(whole)/2], whole...))
	f.Add(bytes.Repeat([]byte("x"), 70_000))
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := faultfs.New(0)
		require.NoError(t, disk.MkdirAll(crashLedger, 0o700))
		require.NoError(t, atomicfile.WriteFile(disk, path.Join(crashLedger, LedgerFile("PC-1")), content, 0o600))
		clock := newClock()
		l, torn, err := OpenLedger(disk, crashLedger, "PC-1", clock.now)
		require.NoError(t, err)
		require.LessOrEqual(t, torn, bytes.Count(content, []byte("\n"))+1)
		if l.Lookup(l.KeyOf("new"), Sum{1}, time.Time{}) == Unknown {
			require.NoError(t, l.Record([]Admission{{Key: l.KeyOf("new"), Sum: Sum{1}, Body: []byte("body")}}))
		}
		owed, counts := l.Unfinished(), l.Counts()
		require.NoError(t, l.Close())

		l, torn, err = OpenLedger(disk, crashLedger, "PC-1", clock.now)
		require.NoError(t, err)
		require.Zero(t, torn, "what was torn is gone")
		require.Equal(t, counts, l.Counts())
		require.Len(t, l.Unfinished(), len(owed))
		require.NotEqual(t, Unknown, l.Lookup(l.KeyOf("new"), Sum{1}, time.Time{}))
		require.NoError(t, l.Close())
	})
}

// ledgerFile is one with every kind of line.
func ledgerFile(t testing.TB) []byte {
	t.Helper()
	disk := faultfs.New(0)
	clock := newClock()
	l, _, err := OpenLedger(disk, crashLedger, "PC-1", clock.now)
	require.NoError(t, err)
	var batch []Admission
	for i := range 4 {
		a := admission(l, fmt.Sprint(i), "body")
		a.Stamp = clock.at
		batch = append(batch, a)
	}
	require.NoError(t, l.Record(batch))
	for _, id := range []string{"0", "1", "2"} {
		require.NoError(t, l.StartAll([]Start{{l.KeyOf(id), 1}})[0])
	}
	l.Hold(l.KeyOf("0"))
	require.NoError(t, l.Conclude(l.KeyOf("1"), []byte("result")))
	require.NoError(t, finish(l, "2"))
	require.NoError(t, l.Close())
	f, err := disk.OpenFile(path.Join(crashLedger, LedgerFile("PC-1")), os.O_RDONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return data
}
