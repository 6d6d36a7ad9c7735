package command

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// The sync of the start fails. What it should have written is lost although it
// can still be read, and the sync of the next start says nothing of it.
func TestASyncOfTheStartThatFailedIsNotTrustedLater(t *testing.T) {
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for step := 1; step <= 2; step++ { // the file's, the folder's
			disk := faultfs.New(0, model)
			require.NoError(t, atomicfile.MkdirAll(disk, crashLedger, 0o700))
			k := &keeper{m: faultfs.Unchanged(disk), promised: map[string]promise{}}
			require.NoError(t, k.unconfirmed("a"))
			disk.Fail(disk.Steps()+step, disk.Steps()+step, syscall.EIO)
			require.NoError(t, again(k.open)())
			require.Equal(t, Duplicate, lookup(k.l, "a", "body of a"), "it is acknowledged")
			require.NoError(t, disk.EachSurvivor(k.promise().Check), "%v, step %d", model, step)
			require.NoError(t, k.l.Close())
		}
	}
}

// The ledger's folder is new; its own name must be safe before the ledger is used.
func TestTheLedgersFolderSurvives(t *testing.T) {
	disk := faultfs.New(0)
	require.NoError(t, atomicfile.MkdirAll(disk, "/state", 0o700))
	l, _, err := OpenLedger(disk, crashLedger, "PC-1", newClock().now)
	require.NoError(t, err)
	admitOne(t, l, "a")
	require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
		return checkLedger(found, map[string]promise{"a": {least: accepted, most: accepted}})
	}))
	require.NoError(t, l.Close())
}
