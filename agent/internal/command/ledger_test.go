package command

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// clock is the ledger's now, set by the test.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{at: time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

type ledgerDir struct {
	t     *testing.T
	path  string
	fs    atomicfile.FS
	clock *clock
}

func newLedgerDir(t *testing.T) *ledgerDir {
	return &ledgerDir{t: t, path: t.TempDir(), fs: atomicfile.OS, clock: newClock()}
}

func (d *ledgerDir) open() *Ledger {
	d.t.Helper()
	l, _, err := OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = l.Close() })
	return l
}

// reopen is a restart after a kill: what is in the file is all there is.
func (d *ledgerDir) reopen(l *Ledger) *Ledger {
	d.t.Helper()
	require.NoError(d.t, l.Close())
	return d.open()
}

func (d *ledgerDir) file() string { return filepath.Join(d.path, LedgerFile("PC-1")) }

func admission(l *Ledger, id, body string) Admission {
	return Admission{Key: l.KeyOf(id), Sum: sha256.Sum256([]byte(body)), Body: []byte(body)}
}

func admitOne(t *testing.T, l *Ledger, id string) Key {
	t.Helper()
	require.NoError(t, l.Record([]Admission{admission(l, id, "body of "+id)}))
	return l.KeyOf(id)
}

func lookup(l *Ledger, id, body string) Reservation {
	return l.Lookup(l.KeyOf(id), sha256.Sum256([]byte(body)), time.Time{})
}

func TestARecordedCommandIsKnownAfterARestart(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.Equal(t, Unknown, lookup(l, "r", "body of r"))
	admitOne(t, l, "r")

	for range 2 {
		require.Equal(t, Duplicate, lookup(l, "r", "body of r"))
		require.Equal(t, Conflict, lookup(l, "r", "another body"))
		require.Equal(t, Unknown, lookup(l, "R", "body of r"))
		owed := l.Unfinished()
		require.Len(t, owed, 1)
		require.Equal(t, "body of r", string(owed[0].Body))
		require.Zero(t, owed[0].Starts)
		require.Equal(t, d.clock.at, owed[0].At)
		l = d.reopen(l)
	}
}

func TestStatesSurviveARestart(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	accepted, started, verdict, done := admitOne(t, l, "a"), admitOne(t, l, "s"), admitOne(t, l, "v"), admitOne(t, l, "d")
	require.NoError(t, l.Start(started, 1))
	require.NoError(t, l.Start(started, 2))
	require.NoError(t, l.Conclude(verdict, []byte("the result")))
	require.NoError(t, l.Start(done, 1))
	require.NoError(t, l.Finish(done))

	rewrite := func() {
		l.journal.mu.Lock()
		defer l.journal.mu.Unlock()
		require.NoError(t, l.journal.rewrite())
	}
	for range 3 {
		l = d.reopen(l)
		owed := l.Unfinished()
		require.Len(t, owed, 3)
		require.Equal(t, []Key{accepted, started, verdict}, []Key{owed[0].Key, owed[1].Key, owed[2].Key})
		require.Equal(t, []int{0, 2, 0}, []int{owed[0].Starts, owed[1].Starts, owed[2].Starts})
		require.Equal(t, "the result", string(owed[2].Result))
		require.Equal(t, Duplicate, lookup(l, "d", "body of d"))
		require.Equal(t, Counts{Accepted: 2, Started: 1, Finished: 1}, l.Counts())
		rewrite() // and the compacted form says the same
	}
}

func TestOnlyTheNextAttemptCanStart(t *testing.T) {
	l := newLedgerDir(t).open()
	key := admitOne(t, l, "r")
	require.ErrorIs(t, l.Start(l.KeyOf("unknown"), 1), errNotOpen)
	require.ErrorIs(t, l.Start(key, 2), errNotOpen)
	require.NoError(t, l.Start(key, 1))
	require.ErrorIs(t, l.Start(key, 1), errNotOpen)
	require.NoError(t, l.Conclude(key, []byte("x")), "one that may run again can still be denied")
	require.ErrorIs(t, l.Conclude(key, []byte("y")), errNotOpen)
	require.ErrorIs(t, l.Start(key, 2), errNotOpen)
	require.NoError(t, l.Finish(key))
	require.ErrorIs(t, l.Start(key, 2), errNotOpen)
}

func TestATornTailIsDroppedAndTheRestKept(t *testing.T) {
	whole := func(t *testing.T) []byte {
		d := newLedgerDir(t)
		l := d.open()
		admitOne(t, l, "first")
		admitOne(t, l, "second")
		require.NoError(t, l.Close())
		raw, err := os.ReadFile(d.file())
		require.NoError(t, err)
		return raw
	}(t)
	first := len(whole) / 2 // both lines are of nearly the same length
	for cut := first + 2; cut < len(whole); cut += 7 {
		d := newLedgerDir(t)
		require.NoError(t, os.WriteFile(d.file(), whole[:cut], 0o600))
		l, torn, err := OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
		require.NoError(t, err)
		require.Equal(t, 1, torn, "cut at %d of %d", cut, len(whole))
		require.Equal(t, Duplicate, lookup(l, "first", "body of first"))
		admitOne(t, l, "third") // does not stick to the torn rest
		l = d.reopen(l)
		require.Equal(t, Duplicate, lookup(l, "third", "body of third"))
		require.NoError(t, l.Close())
	}
}

func TestDamageInTheMiddleCostsOneLine(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	for i := range 3 {
		admitOne(t, l, fmt.Sprint(i))
	}
	require.NoError(t, l.Close())
	raw, err := os.ReadFile(d.file())
	require.NoError(t, err)
	raw[len(raw)/2] ^= 0x40
	require.NoError(t, os.WriteFile(d.file(), raw, 0o600))
	l, torn, err := OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	require.Equal(t, 1, torn)
	require.Equal(t, Duplicate, lookup(l, "0", "body of 0"))
	require.Equal(t, Duplicate, lookup(l, "2", "body of 2"))
}

func TestAnotherHostsLedgerIsNotOurs(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	admitOne(t, l, "r")
	require.NoError(t, l.Close())
	other, _, err := OpenLedger(d.fs, d.path, "PC-2", d.clock.now)
	require.NoError(t, err)
	require.Empty(t, other.Unfinished())
	require.Equal(t, Unknown, lookup(other, "r", "body of r"))
	require.NoError(t, other.Close())
	others, err := OtherLedgers(d.fs, d.path, "PC-2")
	require.NoError(t, err)
	require.Equal(t, []string{LedgerFile("PC-1")}, others)
	require.Len(t, d.open().Unfinished(), 1, "and it is back when the name is")
}

func TestFinishedCommandsAreForgottenByTheStreamsClock(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	sent := d.clock.at.Add(-time.Minute)
	finish := func(id string, stamp time.Time) {
		a := admission(l, id, "body of "+id)
		a.Stamp = stamp
		require.Equal(t, Unknown, l.Lookup(a.Key, a.Sum, stamp))
		require.NoError(t, l.Record([]Admission{a}))
		require.NoError(t, l.Start(a.Key, 1))
		require.NoError(t, l.Finish(a.Key))
	}
	finish("old", sent)

	d.clock.at = d.clock.at.Add(365 * 24 * time.Hour) // the host's clock alone proves nothing
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "old", "body of old"))

	finish("young", sent.Add(Retention)) // not older than the retention: kept
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "old", "body of old"))

	finish("younger", sent.Add(Retention+time.Second))
	l = d.reopen(l)
	require.Equal(t, Unknown, lookup(l, "old", "body of old"))
	require.Equal(t, Duplicate, lookup(l, "young", "body of young"))
}

func TestALiveCopyLearnsItsStampFromTheReplayedOne(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	key := admitOne(t, l, "live")
	require.NoError(t, l.Start(key, 1))
	require.NoError(t, l.Finish(key))
	stamp := d.clock.at
	require.Equal(t, Duplicate, l.Lookup(key, sha256.Sum256([]byte("body of live")), stamp))

	l = d.reopen(l)
	d.clock.at = d.clock.at.Add(1000 * time.Hour)
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "live", "body of live"), "its age counts on the stream's clock")
}

func TestWithoutAStreamTheUptimeForgets(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	key := admitOne(t, l, "r")
	open := admitOne(t, l, "never finished")
	require.NoError(t, l.Finish(key))
	d.clock.at = d.clock.at.Add(1000 * time.Hour)
	admitOne(t, l, "first") // this process knows better than a clock that was set
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "r", "body of r"), "its replayed copy may come yet")
	l.uptime = func() time.Duration { return replayTime + time.Minute }
	admitOne(t, l, "prunes")
	require.Equal(t, Unknown, lookup(l, "r", "body of r"))
	require.Equal(t, open, l.Unfinished()[0].Key)
}

func TestAFullLedgerRefusesAndKeeps(t *testing.T) {
	l := newLedgerDir(t).open()
	l.maxEntries = 100
	batch := make([]Admission, l.maxEntries)
	for i := range batch {
		batch[i] = admission(l, fmt.Sprint(i), "x")
	}
	require.NoError(t, l.Record(batch))
	require.ErrorIs(t, l.Record([]Admission{admission(l, "one more", "x")}), errLedgerFull)
	require.Equal(t, Duplicate, lookup(l, "0", "x"))
	require.Equal(t, Unknown, lookup(l, "one more", "x"))
}

func TestABacklogBeyondTheBoundIsRefused(t *testing.T) {
	l := newLedgerDir(t).open()
	l.maxBacklog = 1000
	big := make([]byte, l.maxBacklog+1)
	key := l.KeyOf("big")
	require.NoError(t, l.Record([]Admission{{Key: key, Body: big}}))
	require.ErrorIs(t, l.Record([]Admission{admission(l, "next", "x")}), errBacklogFull)
	require.NoError(t, l.Finish(key))
	require.NoError(t, l.Record([]Admission{admission(l, "next", "x")}))
}

func TestADiskThatFailsMeansNotRecorded(t *testing.T) {
	for name, fault := range map[string]func(*brokenFS, error){
		"sync":  func(f *brokenFS, err error) { f.fail(err, nil, nil) },
		"write": func(f *brokenFS, err error) { f.fail(nil, err, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newLedgerDir(t)
			broken := &brokenFS{FS: atomicfile.OS}
			d.fs = broken
			l := d.open()
			before, starting := admitOne(t, l, "before"), admitOne(t, l, "starting")
			fault(broken, errDisk)
			require.ErrorIs(t, l.Record([]Admission{admission(l, "lost", "x")}), errDisk)
			require.ErrorIs(t, l.Start(starting, 1), errDisk)
			require.ErrorIs(t, l.Conclude(before, []byte("r")), errDisk)
			require.Equal(t, Unknown, lookup(l, "lost", "x"))
			fault(broken, nil)

			require.NoError(t, l.Start(starting, 1), "and it works again by itself")
			require.NoError(t, l.Record([]Admission{admission(l, "lost", "x")}))
			l = d.reopen(l)
			require.Equal(t, Counts{Accepted: 2, Started: 1}, l.Counts())
		})
	}
}

func TestARewriteThatFailsLosesNothing(t *testing.T) {
	d := newLedgerDir(t)
	broken := &brokenFS{FS: atomicfile.OS}
	d.fs = broken
	l := d.open()
	admitOne(t, l, "first")
	broken.fail(errDisk, nil, errDisk)
	require.ErrorIs(t, l.Record([]Admission{admission(l, "second", "x")}), errDisk)
	broken.fail(nil, nil, errDisk) // the rewrite now gets as far as the rename
	require.ErrorIs(t, l.Record([]Admission{admission(l, "second", "x")}), errDisk)
	broken.fail(nil, nil, nil)
	require.NoError(t, l.Record([]Admission{admission(l, "second", "x")}))
	l = d.reopen(l)
	require.Equal(t, Duplicate, lookup(l, "first", "body of first"))
	require.Equal(t, Duplicate, lookup(l, "second", "x"))
}

func TestWaitFinished(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.NoError(t, l.WaitFinished(t.Context(), l.KeyOf("of another release")))

	key := admitOne(t, l, "r")
	ended := make(chan error)
	go func() { ended <- l.WaitFinished(t.Context(), key) }()
	require.NoError(t, l.Finish(key))
	require.NoError(t, <-ended)
	raw, err := os.ReadFile(d.file())
	require.NoError(t, err)
	require.Contains(t, string(raw), `"op":"finish"`, "on disk when the wait is over")

	open := admitOne(t, l, "open")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- l.WaitFinished(ctx, open) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	go func() { ended <- l.WaitFinished(t.Context(), open) }()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, errJournalClosed)
}

func TestTheJournalIsCompactedAsItGrows(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	body := make([]byte, 64<<10)
	for i := range 200 { // 200 * 64 KiB in base64 is more than 16 MiB
		a := Admission{Key: l.KeyOf(fmt.Sprint(i)), Body: body}
		require.NoError(t, l.Record([]Admission{a}))
		require.NoError(t, l.Finish(a.Key))
	}
	info, err := os.Stat(d.file())
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(2*minCompact))
	l = d.reopen(l)
	require.Equal(t, 200, l.Counts().Finished)
}

func TestManyWritersShareSyncs(t *testing.T) {
	d := newLedgerDir(t)
	counting := &countingFS{FS: atomicfile.OS}
	d.fs = counting
	l := d.open()
	var keys []Key
	var batch []Admission
	for i := range 64 {
		a := admission(l, fmt.Sprint(i), "x")
		keys, batch = append(keys, a.Key), append(batch, a)
	}
	before := counting.syncs.Load()
	require.NoError(t, l.Record(batch))
	require.EqualValues(t, 1, counting.syncs.Load()-before, "a batch is one sync")
	errs := make(chan error, len(keys))
	for _, key := range keys {
		go func() { errs <- l.Start(key, 1) }()
	}
	for range keys {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 64, d.reopen(l).Counts().Started)
}

// After a failed write and another delivery a file can have lines of a command
// twice. What is finished stays so.
func TestNoLineReopensAFinishedCommand(t *testing.T) {
	for _, again := range []op{opAccept, opVerdict, opStart, opHold, opStamp} {
		l := newLedgerDir(t).open()
		key := admitOne(t, l, "r")
		require.NoError(t, l.Finish(key))
		sum := Sum{1}
		l.replay(line{Op: again, Key: key, Sum: &sum, Body: []byte("x"), Result: []byte("y"), Attempt: 1})
		require.Equal(t, Counts{Finished: 1}, l.Counts(), again)
		require.Empty(t, l.Unfinished(), again)
		require.Zero(t, l.backlog, again)
	}
}
