package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prune forgets in memory only. The journal still has the old command's finish
// line, so a new command under a forgotten request ID is finished before it
// ran, as far as the next start can see.
func TestACommandUnderAForgottenRequestIDSurvivesARestart(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	old := admission(l, "weekly", "body of weekly")
	old.Stamp = d.clock.at
	require.NoError(t, l.Record([]Admission{old}))
	require.NoError(t, l.Start(old.Key, 1))
	require.NoError(t, l.Finish(old.Key))
	d.clock.at = d.clock.at.Add(Retention + time.Hour)
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("other"), Sum{}, d.clock.at))
	l.journal.mu.Lock()
	l.prune()
	l.journal.mu.Unlock()
	require.Equal(t, Unknown, lookup(l, "weekly", "body of weekly"))
	admitOne(t, l, "weekly") // nil: on disk, and the sender gets its ack
	l = d.reopen(l)
	require.Len(t, l.Unfinished(), 1, "the acknowledged command is gone")
}

// The host's clock starts in 2000 (dead battery); a live command runs; NTP sets
// the clock; the replayed copy comes. It must not run again.
func TestAClockStepForwardForgetsNothingYoung(t *testing.T) {
	d := newLedgerDir(t)
	now := d.clock.at
	l := d.open()
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("earlier"), Sum{}, now.Add(-time.Hour))) // the stream's clock is known
	d.clock.at = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	key := admitOne(t, l, "live")
	require.NoError(t, l.Start(key, 1))
	require.NoError(t, l.Finish(key))
	d.clock.at = now
	admitOne(t, l, "next") // prunes
	require.Equal(t, Duplicate, lookup(l, "live", "body of live"), "it would run a second time")
}

// One message with a stamp far ahead (a broker whose clock was wrong for a
// moment) makes everything that was finished look old.
func TestOneWrongStampForgetsNothingYoung(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	a := admission(l, "r", "body of r")
	a.Stamp = d.clock.at
	require.NoError(t, l.Record([]Admission{a}))
	require.NoError(t, l.Start(a.Key, 1))
	require.NoError(t, l.Finish(a.Key))
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("other"), Sum{}, d.clock.at.AddDate(10, 0, 0)))
	d.clock.at = d.clock.at.Add(2 * time.Hour)
	admitOne(t, l, "next") // prunes
	require.Equal(t, Duplicate, lookup(l, "r", "body of r"), "it was finished two hours ago")
}

// A host without an EXEC stream that restarts every day never forgets anything:
// the age of what has no stamp starts at zero with each process. After 100,000
// commands the ledger is full for good.
func TestAHostThatRestartsDailyForgetsToo(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.NoError(t, l.Finish(admitOne(t, l, "first day")))
	for range 60 {
		l.uptime = func() time.Duration { return 23 * time.Hour }
		d.clock.at = d.clock.at.Add(24 * time.Hour)
		require.NoError(t, l.Record(nil)) // prunes
		l = d.reopen(l)
	}
	require.Equal(t, Unknown, lookup(l, "first day", "body of first day"), "two months old")
}

// Whatever the clocks say, what has no result yet stays: in memory, over a
// restart, and over a compaction.
func TestWhatIsUnfinishedIsNeverForgotten(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	var batch []Admission
	for _, id := range []string{"accepted", "started", "verdict", "finished"} {
		a := admission(l, id, "body of "+id)
		a.Stamp = d.clock.at
		batch = append(batch, a)
	}
	require.NoError(t, l.Record(batch))
	require.NoError(t, l.Start(l.KeyOf("started"), 1))
	require.NoError(t, l.Conclude(l.KeyOf("verdict"), []byte("{}")))
	require.NoError(t, l.Finish(l.KeyOf("finished")))
	for _, step := range []time.Duration{100 * Retention, -200 * Retention, 300 * Retention} {
		d.clock.at = d.clock.at.Add(step)
		l.uptime = func() time.Duration { return 100 * Retention }
		l.Lookup(l.KeyOf("other"), Sum{}, d.clock.at) // the stream's clock
		l.journal.mu.Lock()
		l.prune()
		require.NoError(t, l.journal.rewrite())
		l.journal.mu.Unlock()
		require.Len(t, l.Unfinished(), 3)
		l = d.reopen(l)
		require.Len(t, l.Unfinished(), 3)
	}
	require.Equal(t, Unknown, lookup(l, "finished", "body of finished"))
}

// Runs of local schedules, which no stream delivers again, are forgotten within
// hours, before a restart and after: one a second would fill the ledger in a day,
// and a full one refuses commands.
func TestWhatTheHostMadeItselfIsForgottenSoon(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	for id, local := range map[string]bool{"local": true, "live": false} {
		a := admission(l, id, "body of "+id)
		a.Local = local
		require.NoError(t, l.Record([]Admission{a}))
		require.NoError(t, l.Start(a.Key, 1))
		require.NoError(t, l.Finish(a.Key))
	}
	require.Equal(t, Duplicate, lookup(l, "local", "body of local"))
	l = d.reopen(l)
	d.clock.at = d.clock.at.Add(LocalRetention + time.Hour)
	up := l.uptime
	l.uptime = func() time.Duration { return up() + 2*replayTime }
	admitOne(t, l, "next") // prunes
	require.Equal(t, Unknown, lookup(l, "local", "body of local"))
	require.Equal(t, Duplicate, lookup(l, "live", "body of live"))
}
