package command

import (
	"cmp"
	"slices"
	"time"
)

// Reservation is what the ledger knows of a command that just arrived.
type Reservation int

const (
	// Unknown: nobody has seen it.
	Unknown Reservation = iota
	// Duplicate: the same bytes under the same ID were recorded before.
	Duplicate
	// Conflict: other bytes under an ID that was recorded before.
	Conflict
)

// Admission is one command to be recorded.
type Admission struct {
	Key   Key
	Sum   Sum
	Stamp time.Time // zero: not from the stream
	Local bool      // no stream will ever deliver it: the host made it itself
	Due   time.Time // zero: at once
	Body  []byte
	// Result is the payload of the verdict it gets instead of a run, or nil.
	Result []byte
}

// Lookup says whether a command is new. Stamp, where known, is noted for the
// entry that is there: the replayed copy tells when the stream forgets it.
func (l *Ledger) Lookup(key Key, sum Sum, stamp time.Time) Reservation {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	l.seen(stamp)
	e, ok := l.entries[key]
	switch {
	case !ok:
		return Unknown
	case e.sum != sum:
		return Conflict
	}
	l.noteStamp(key, e, stamp)
	return Duplicate
}

// noteStamp remembers when the stream stamped a command whose live copy came
// first. For an open command the finish line will carry it; for a finished one
// it gets a line of its own, which nobody needs to wait for: without it the
// host's clock decides.
func (l *Ledger) noteStamp(key Key, e *entry, stamp time.Time) {
	if !e.stamp.Before(stamp) {
		return
	}
	e.stamp = stamp
	if e.state == finished {
		_, _ = l.append(line{Op: opStamp, Key: key, Stamp: stamp})
	}
}

// Record makes the admissions durable, all with one sync. Nil means that each
// is on disk; an error means that none counts as recorded.
func (l *Ledger) Record(batch []Admission) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	if err := l.room(batch); err != nil {
		return err
	}
	entries, lines, err := l.prepare(batch)
	if err != nil {
		return err
	}
	var ticket uint64
	for i, a := range batch {
		ticket = l.journal.append(lines[i])
		l.add(a.Key, entries[i])
	}
	if err := l.journal.wait(ticket); err != nil {
		l.withdraw(batch)
		return err
	}
	return nil
}

// room refuses what would exceed the bounds, after letting go of what is old.
func (l *Ledger) room(batch []Admission) error {
	if l.uptime()-l.pruned >= time.Hour || len(l.entries)+len(batch) > l.maxEntries {
		l.prune()
	}
	if l.journal.grown() {
		// A failure is no reason to refuse: the file as it is still serves.
		_ = l.journal.rewrite()
	}
	if len(l.entries)+len(batch) > l.maxEntries {
		return errLedgerFull
	}
	if l.backlog > 0 && l.backlog+sizeOf(batch) > l.maxBacklog {
		return errBacklogFull
	}
	return nil
}

func sizeOf(batch []Admission) (bytes int64) {
	for _, a := range batch {
		bytes += int64(len(a.Body) + len(a.Result))
	}
	return bytes
}

// prepare builds the batch without a trace: one that cannot be written must not
// leave its neighbours behind.
func (l *Ledger) prepare(batch []Admission) (entries []*entry, lines [][]byte, err error) {
	for _, a := range batch {
		e, ln := l.entryOf(a)
		encoded, err := ln.encode()
		if err != nil {
			return nil, nil, err
		}
		entries, lines = append(entries, e), append(lines, encoded)
	}
	return entries, lines, nil
}

func (l *Ledger) entryOf(a Admission) (*entry, line) {
	e := &entry{sum: a.Sum, local: a.Local, stamp: a.Stamp, at: l.now().UTC(), due: a.Due, seen: l.uptime()}
	ln := line{Key: a.Key, Sum: &a.Sum, Local: a.Local, Stamp: a.Stamp, At: e.at, Due: a.Due}
	if a.Result != nil {
		e.state, e.result = verdict, a.Result
		ln.Op, ln.Result = opVerdict, a.Result
		return e, ln // nobody will read the body again
	}
	e.state, e.body = accepted, a.Body
	ln.Op, ln.Body = opAccept, a.Body
	return e, ln
}

func (l *Ledger) add(key Key, e *entry) {
	l.order++
	e.order = l.order
	l.entries[key] = e
	l.backlog += int64(len(e.body) + len(e.result))
}

func (l *Ledger) withdraw(batch []Admission) {
	for _, a := range batch {
		if e, ok := l.entries[a.Key]; ok {
			l.backlog -= int64(len(e.body) + len(e.result))
			delete(l.entries, a.Key)
		}
	}
}

// replay applies a line that was read at the start. A state never goes back but
// by opHold: after a failed write and a new delivery a command can be accepted
// twice.
func (l *Ledger) replay(ln line) {
	l.seen(ln.Stamp)
	e, ok := l.entries[ln.Key]
	if ln.Op == opForget {
		delete(l.entries, ln.Key)
		return
	}
	if !ok {
		if ln.Sum == nil {
			return // its first line is gone with a torn tail
		}
		e = &entry{sum: *ln.Sum, local: ln.Local, state: accepted, seen: ofLastRun, at: ln.At, due: ln.Due, body: ln.Body}
		l.add(ln.Key, e)
	}
	if e.stamp.Before(ln.Stamp) {
		e.stamp = ln.Stamp
	}
	switch ln.Op {
	case opVerdict:
		if e.state < verdict {
			e.state, e.result = verdict, ln.Result
			l.backlog += int64(len(ln.Result))
		}
	case opStart:
		if e.state <= started {
			e.state = started
			e.starts = max(e.starts, ln.Attempt)
		}
	case opHold:
		if e.state == started {
			e.hold()
		}
	case opFinish, opDone:
		l.close(e)
	}
}

func (l *Ledger) close(e *entry) {
	l.backlog -= int64(len(e.body) + len(e.result))
	e.state, e.body, e.result = finished, nil, nil
}

func (l *Ledger) seen(stamp time.Time) {
	if stamp.After(l.horizon) {
		l.horizon = stamp
	}
}

// LocalRetention is how long a finished command of the host's own making is
// remembered: no stream delivers it again, and who makes it remembers what is done.
// A host may make one a second for as long as it likes.
const LocalRetention = 2 * time.Hour

// prune forgets what is finished and older than Retention.
func (l *Ledger) prune() (forgotten int) {
	l.pruned = l.uptime()
	for key, e := range l.entries {
		if e.state == finished && l.age(e) > e.retention() {
			l.forgot, _ = l.append(line{Op: opForget, Key: key}) // its ID may come again; such a line can always be encoded
			delete(l.entries, key)
			forgotten++
		}
	}
	return forgotten
}

func (e *entry) retention() time.Duration {
	if e.local {
		return LocalRetention
	}
	return Retention
}

// ofLastRun is the time of coming of an entry that was read at the start.
const ofLastRun = time.Duration(-1)

// replayTime is how long after the start a command that came live in the last
// run may still be delivered by the stream for the first time.
const replayTime = time.Hour

// age is how long ago the command was finished, at the least. The stream's
// clock and the host's must agree, since either can be wrong for a while. What
// no stream ever delivered ages with this process, which no clock can hurry; if
// it came in an earlier one, by the host's clock.
func (l *Ledger) age(e *entry) time.Duration {
	switch {
	case e.stamp.IsZero() && e.seen != ofLastRun:
		return l.uptime() - e.seen
	case e.stamp.IsZero() && l.uptime() < replayTime:
		return 0
	case e.stamp.IsZero():
		return l.now().Sub(e.at)
	}
	return min(l.horizon.Sub(e.stamp), l.now().Sub(e.at))
}

// openKeys returns the unfinished commands in the order of acceptance.
func (l *Ledger) openKeys() []Key {
	var keys []Key
	for key, e := range l.entries {
		if e.state != finished {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(l.entries[a].order, l.entries[b].order) })
	return keys
}
