package command

import (
	"os"
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
		for step := 1; step <= 5; step++ { // of the new file's; once more for the last
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

// The disk fails for so long that a write is given up, and the process is killed
// before it can write the file anew. What it could not sync can still be read by
// the next process, whose own syncs succeed; a copy of the command is acknowledged
// for it.
func TestWhatAKilledProcessCouldNotSyncIsNotBelieved(t *testing.T) {
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		disk := faultfs.New(0, model)
		require.NoError(t, atomicfile.MkdirAll(disk, crashLedger, 0o700))
		k := &keeper{m: faultfs.Unchanged(disk), promised: map[string]promise{}}
		require.NoError(t, inTurn(k.open, k.records("a")))
		disk.Fail(disk.Steps()+2, disk.Steps()+9, syscall.EIO) // the sync, and the new file
		require.ErrorIs(t, k.records("b")(), syscall.EIO)
		k.m.KillAt(disk.Steps())
		require.ErrorIs(t, disk.Event(), faultfs.ErrKilled)
		k.m.Restart()
		require.NoError(t, k.opened())
		require.Equal(t, Duplicate, lookup(k.l, "b", "body of b"), "it is acknowledged")
		require.NoError(t, disk.EachSurvivor(k.promise().Check), "%v", model)
		require.NoError(t, k.l.Close())
	}
}

// A stop while the disk fails, or right after, must not vouch for what is not
// durable either.
func TestAnOrderlyStopVouchesForNothingThatIsNotDurable(t *testing.T) {
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for last := 2; last <= 12; last++ {
			disk := faultfs.New(0, model)
			require.NoError(t, atomicfile.MkdirAll(disk, crashLedger, 0o700))
			k := &keeper{m: faultfs.Unchanged(disk), promised: map[string]promise{}}
			require.NoError(t, inTurn(k.open, k.records("a")))
			disk.Fail(disk.Steps()+2, disk.Steps()+last, syscall.EIO)
			_ = k.records("b")()
			_ = k.l.Close()
			k.m.KillAt(disk.Steps()) // the process is gone, and the disk has recovered
			require.ErrorIs(t, disk.Event(), faultfs.ErrKilled)
			k.m.Restart()
			require.NoError(t, k.open())
			require.NoError(t, disk.EachSurvivor(k.promise().Check), "%v, up to step %d", model, last)
			require.NoError(t, k.l.Close())
		}
	}
}

// One stop after the other makes the file no longer, and the starts between them
// do not write it anew.
func TestStopsLeaveOneLine(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.NoError(t, l.Close())
	require.Zero(t, sizeOfFile(t, d.file()), "of nothing there is nothing to say")
	l = d.open()
	admitOne(t, l, "a")
	l = d.reopen(l)
	size := sizeOfFile(t, d.file())
	before, err := os.Stat(d.file())
	require.NoError(t, err)
	for range 3 {
		l = d.reopen(l)
	}
	after, err := os.Stat(d.file())
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	require.Equal(t, size, sizeOfFile(t, d.file()))
	require.NoError(t, l.Finish(l.KeyOf("a")))
	admitOne(t, l, "b")
	l = d.reopen(l)
	require.NoError(t, d.reopen(l).Close())
	after, err = os.Stat(d.file())
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "it was closed again")
	all, err := Summarize(atomicfile.OS, d.path, "PC-1")
	require.NoError(t, err)
	require.Equal(t, Counts{Accepted: 1, Finished: 1}, all[0].Counts, "the line is of no command")
	require.Zero(t, all[0].Torn)
}

// A command was marked, the disk failed, and the command was held back: if the
// disk is well at the stop, the next start runs it and does not report it as
// interrupted.
func TestAStopWritesWhatAFailedDiskKeptFromTheFile(t *testing.T) {
	d, disk := onABrokenDisk(t)
	l := d.open()
	key := admitOne(t, l, "a")
	require.NoError(t, l.Start(key, 1))
	disk.fill()
	require.ErrorIs(t, l.Record([]Admission{admission(l, "b", "body of b")}), errDisk)
	l.Hold(key)
	disk.mend()
	l = d.reopen(l)
	require.Equal(t, Counts{Accepted: 1}, l.Counts())
}

func sizeOfFile(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	return info.Size()
}
