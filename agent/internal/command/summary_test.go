package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestALedgerSeenFromOutside(t *testing.T) {
	t.Parallel()
	d := newLedgerDir(t)
	none, err := Summarize(d.fs, filepath.Join(d.path, "missing"), "PC-1")
	require.NoError(t, err)
	require.Empty(t, none)

	l := d.open()
	admitOne(t, l, "a")
	started, verdict, done := admitOne(t, l, "s"), admitOne(t, l, "v"), admitOne(t, l, "d")
	require.NoError(t, l.Start(started, 1))
	require.NoError(t, l.Conclude(verdict, []byte("the result")))
	require.NoError(t, l.Start(done, 1))
	require.NoError(t, l.Finish(done))
	require.NoError(t, l.Close())
	other, err := os.ReadFile(d.file())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(d.path, LedgerFile("PC-2")), other[:len(other)-3], 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(d.path, "notes.txt"), []byte("x"), 0o600))

	for _, pcID := range []string{"PC-1", "PC-2"} {
		all, err := Summarize(atomicfile.OS, d.path, pcID)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, s := range all {
			require.Equal(t, s.File != LedgerFile(pcID), s.Foreign)
			torn := 0
			if s.File == LedgerFile("PC-2") {
				torn = 1
			}
			require.Equal(t, torn, s.Torn)
			require.Equal(t, 4, s.Counts.Accepted+s.Counts.Started+s.Counts.Finished)
			if torn == 0 {
				require.Equal(t, Counts{Accepted: 2, Started: 1, Finished: 1}, s.Counts)
				require.EqualValues(t, len(other), s.Size)
			}
		}
	}
}
