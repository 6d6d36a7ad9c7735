package command

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// onABrokenDisk is a ledger folder whose disk the test can fill.
func onABrokenDisk(t *testing.T) (*ledgerDir, *brokenFS) {
	d, disk := newLedgerDir(t), &brokenFS{FS: atomicfile.OS}
	d.fs = disk
	return d, disk
}

func (f *brokenFS) fill() { f.fail(nil, errDisk, nil) }
func (f *brokenFS) mend() { f.fail(nil, nil, nil) }

// Old finished entries are forgotten at the start; the tidying fails on a full
// disk, and with it the start of the agent.
func TestAStartThatCannotTidyUpOnAFullDisk(t *testing.T) {
	d, disk := onABrokenDisk(t)
	l := d.open()
	for i, id := range []string{"old", "new"} {
		d.clock.at = d.clock.at.Add(time.Duration(i) * (Retention + time.Hour))
		a := admission(l, id, "body of "+id)
		a.Stamp = d.clock.at
		require.NoError(t, l.Record([]Admission{a}))
		require.NoError(t, l.Finish(a.Key))
	}
	require.NoError(t, l.Close())

	disk.fill()
	l = d.open()
	require.Equal(t, Unknown, lookup(l, "old", "body of old"))
	require.Equal(t, Duplicate, lookup(l, "new", "body of new"))
	require.ErrorIs(t, l.Record([]Admission{admission(l, "old", "another body")}), errDisk)
	require.NoError(t, l.Close())
	l = d.open() // what it was to forget is half there, and the disk is still full
	require.Equal(t, Duplicate, lookup(l, "new", "body of new"))

	disk.mend()
	require.NoError(t, l.Record([]Admission{admission(l, "old", "another body")}))
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "old", "another body"), "its ID came again")
	require.Len(t, l.Unfinished(), 1)
	require.Equal(t, Duplicate, lookup(l, "new", "body of new"))
}

// Every start compacts a ledger of more than 4 MiB, and so fails on a full disk.
func TestAStartLeavesALargeLedgerThatHasNotGrown(t *testing.T) {
	d, disk := onABrokenDisk(t)
	l := d.open()
	require.NoError(t, l.Record([]Admission{admission(l, "r", strings.Repeat("x", minCompact))}))
	require.NoError(t, l.Close())
	before, err := os.Stat(d.file())
	require.NoError(t, err)
	disk.fill()
	l = d.open()
	require.Len(t, l.Unfinished(), 1)
	disk.mend()
	l = d.reopen(l)
	after, err := os.Stat(d.file())
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "written anew without need")
	require.False(t, l.journal.grown())
}

// The base for growth is what is alive in the file: were it what a start finds,
// an agent that is often started anew would let its ledger grow for ever.
func TestAStartCompactsALedgerThatHasGrown(t *testing.T) {
	d, disk := onABrokenDisk(t)
	l := d.open()
	key := l.KeyOf("r")
	require.NoError(t, l.Record([]Admission{{Key: key, Body: make([]byte, minCompact)}}))
	require.NoError(t, l.Finish(key))
	require.NoError(t, l.Close())
	disk.fill()
	require.NoError(t, d.open().Close())
	size := func() int64 {
		info, err := os.Stat(d.file())
		require.NoError(t, err)
		return info.Size()
	}
	require.Greater(t, size(), int64(minCompact))
	disk.mend()
	l = d.open()
	require.Less(t, size(), int64(4<<10))
	require.Equal(t, Counts{Finished: 1}, l.Counts())
}

// A write that the full disk took half leaves a torn line. The next start cannot
// write the file anew, and what it appends later must not stick to the rest.
func TestATornTailOnAFullDiskIsEndedLater(t *testing.T) {
	line := func(l *Ledger) string {
		_, ln := l.entryOf(admission(l, "torn", "never confirmed"))
		encoded, err := ln.encode()
		require.NoError(t, err)
		return string(encoded)
	}
	whole := len(line(newLedgerDir(t).open())) - 1 // all but its newline
	for _, n := range []int{1, sumWidth - 1, sumWidth, sumWidth + 1, whole / 2, whole - 1, whole} {
		d, disk := onABrokenDisk(t)
		l := d.open()
		admitOne(t, l, "first")
		torn := line(l)[:n]
		require.NoError(t, l.Close())
		add(t, d.file(), torn)

		disk.fill()
		l, dropped, err := OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
		require.NoError(t, err, "%d of %d bytes", n, whole)
		require.Equal(t, 1, dropped)
		require.Equal(t, Unknown, lookup(l, "torn", "never confirmed"))
		disk.mend()
		// The request ID comes again, with something else: were the torn line a good
		// one now, it would win.
		require.NoError(t, l.Record([]Admission{admission(l, "torn", "what came")}))
		require.NoError(t, l.Start(l.KeyOf("first"), 1))

		disk.fill() // what the next start finds is still the old file
		l = d.reopen(l)
		require.Equal(t, Duplicate, lookup(l, "torn", "what came"), "%d of %d bytes", n, whole)
		require.Equal(t, Counts{Accepted: 1, Started: 1}, l.Counts())
		disk.mend()
		l = d.reopen(l)
		require.Equal(t, Counts{Accepted: 1, Started: 1}, l.Counts())
		raw, err := os.ReadFile(d.file())
		require.NoError(t, err)
		require.NotContains(t, string(raw), strings.TrimSpace(voided), "with room it is written anew")
	}
}

func add(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = io.WriteString(f, text)
	require.NoError(t, errors.Join(err, f.Close()))
}

// A file whose sync fails is not used, however full the disk is, unless who wrote
// it has left word that all of it is durable.
func TestAStartThatCannotSyncOnAFullDiskFails(t *testing.T) {
	for torn, closed := range map[string]bool{"": false, "half a li": true} {
		d, disk := onABrokenDisk(t)
		l := d.open()
		admitOne(t, l, "r")
		left, err := os.ReadFile(d.file())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		if !closed { // as a process that is killed leaves it, whose files the system closes
			require.NoError(t, os.WriteFile(d.file(), left, 0o600))
		}
		add(t, d.file(), torn)
		disk.fail(errDisk, errDisk, nil)
		_, _, err = OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
		require.ErrorIs(t, err, errDisk)
		disk.mend()
		require.Len(t, d.open().Unfinished(), 1)
	}
}

// One interrupted command keeps the agent from starting on a full disk.
func TestAnInterruptedCommandIsReportedWhenTheDiskHasRoom(t *testing.T) {
	for _, restarts := range []int{0, 2} {
		disk := &brokenFS{FS: atomicfile.OS}
		run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
			body, err := request("r").Encode()
			require.NoError(t, err)
			a := admission(b.ledger, "r", string(body))
			require.NoError(t, b.ledger.Record([]Admission{a}))
			require.NoError(t, b.ledger.Start(a.Key, 1))
			b.stop()
			disk.fill()
			b.start()
			for range restarts {
				time.Sleep(time.Minute)
				b.stop()
				b.start()
			}
			time.Sleep(time.Hour)
			b.send(request("r")) // and it is known
			_, early := b.sink.result("r")
			require.False(t, early, "the ledger does not have it")
			require.Equal(t, Counts{Started: 1}, b.ledger.Counts())

			disk.mend()
			time.Sleep(2 * ledgerPause)
			require.EqualValues(t, wire.ExitInterrupted, b.result("r").ExitCode)
			require.Equal(t, Counts{Finished: 1}, b.ledger.Counts())
			b.stop()
			b.start()
			time.Sleep(time.Hour)
			require.Equal(t, 1, b.sink.puts)
			require.Empty(t, b.starts())
		})
	}
}

// The file that a full disk kept from being written anew is as safe as a new one.
func TestATornTailOnAFullDiskSurvivesThePower(t *testing.T) {
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		suite := ledgerSuites(model)["torn at the start"]
		suite.Scenario = func(m *faultfs.Mutant) (faultfs.Promise, error) {
			k := &keeper{m: m, promised: map[string]promise{}}
			err := inTurn(
				k.open, k.records("a", "b"), k.starts("a"),
				func() error { return k.unconfirmed("u") },
				func() error { return k.leave([]byte("0123abcd {")) },
				func() error { m.FailNext("write new journal", syscall.ENOSPC); return nil },
				k.kill, k.records("c"), k.finishes("a"), k.concludes("b"),
				func() error { m.FailNext("write new journal", syscall.ENOSPC); return nil },
				k.kill, k.finishes("b"), k.compacts, k.finishes("c"),
			)
			return k.promise(), err
		}
		synctest.Test(t, func(t *testing.T) { require.NoError(t, suite.Run(faultfs.Mutation{}), "%v", model) })
	}
}
