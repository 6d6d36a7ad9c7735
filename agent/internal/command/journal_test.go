package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// While the disk refuses writes, every try leaves its bytes in pending.
func TestADeadDiskDoesNotEatMemory(t *testing.T) {
	d := newLedgerDir(t)
	disk := &brokenFS{FS: atomicfile.OS}
	d.fs = disk
	l := d.open()
	disk.fail(errDisk, errDisk, errDisk)
	body := strings.Repeat("x", 20<<10)
	for range 200 { // one command, delivered again every 10 s, for half an hour
		require.Error(t, l.Record([]Admission{admission(l, "r", body)}))
	}
	require.Empty(t, l.entries)
	require.Less(t, len(l.journal.pending), 1<<20)
}

// shortLines makes the bound on a line one that tests can reach quickly.
func shortLines(t *testing.T) {
	t.Helper()
	before := maxLine
	maxLine = 128 << 10 // twice the reader's buffer
	t.Cleanup(func() { maxLine = before })
}

// A verdict's line may be longer than what the reader takes; then the agent
// never starts again.
func TestALineThatWasWrittenCanBeRead(t *testing.T) {
	shortLines(t)
	d := newLedgerDir(t)
	l := d.open()
	a := admission(l, "r", "body")
	longest := maxLine / 4 * 3 // in base64 no more could fit
	for ; ; longest -= 3 {
		a.Result = make([]byte, longest)
		err := l.Record([]Admission{a})
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errLineTooLong)
	}
	require.Greater(t, longest, maxLine/4*3-1024)
	l = d.reopen(l)
	require.Len(t, l.Unfinished(), 1)
	require.Len(t, l.Unfinished()[0].Result, longest)
}

// One admission that cannot be encoded must not leave its neighbours' lines
// behind: they were refused, so nothing of them may be found at the next start.
func TestARefusedBatchLeavesNoLines(t *testing.T) {
	shortLines(t)
	d := newLedgerDir(t)
	l := d.open()
	long := admission(l, "long", strings.Repeat("x", maxLine))
	require.ErrorIs(t, l.Record([]Admission{admission(l, "neighbour", "body"), long}), errLineTooLong)
	admitOne(t, l, "next")
	l = d.reopen(l)
	require.Len(t, l.Unfinished(), 1, "the neighbour was refused and is there all the same")
}
