package command

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// state is how far a command has come. It only ever grows.
type state uint8

const (
	accepted state = iota + 1
	started
	verdict
	finished
)

// Retention is how long a finished command is remembered: a day longer than
// the stream keeps commands (7 days), so that nothing the broker can still
// deliver is ever forgotten.
const Retention = 8 * 24 * time.Hour

const (
	// maxEntries bounds the ledger; a full one refuses and never evicts.
	maxEntries = 100_000
	// maxBacklog bounds the bytes of commands that wait to run.
	maxBacklog = 64 << 20
)

var (
	// errLedgerFull says that the ledger takes no more commands for now.
	errLedgerFull = errors.New("command: ledger is full; finished commands leave it after 8 days")
	// errBacklogFull passes as commands run.
	errBacklogFull = errors.New("command: too many bytes of commands wait to run")
	errNotOpen     = errors.New("command: not in the ledger in the expected state")
)

// entry is one command in memory.
type entry struct {
	sum    Sum
	state  state
	local  bool          // made by the host itself
	order  uint64        // of acceptance
	stamp  time.Time     // the stream's time stamp, as far as it is known
	at     time.Time     // of acceptance
	due    time.Time     // not before
	body   []byte        // until finished
	result []byte        // of a verdict, until finished
	starts int           // how often it was started
	seen   time.Duration // the ledger's uptime when it came
	closed uint64        // ticket of the finish line
}

// Ledger is the durable memory of which command was accepted, started and
// finished. It is what makes "exactly one result" and "nothing runs twice"
// true over restarts and power cuts. All methods may be called at once.
type Ledger struct {
	journal *journal
	now     func() time.Time
	// uptime counts since the ledger was opened; a clock that is set does not
	// change it.
	uptime func() time.Duration
	pcID   string

	// Guarded by journal.mu.
	entries map[Key]*entry
	order   uint64
	backlog int64     // bytes of bodies and results kept
	horizon time.Time // the newest time stamp of the stream seen so far
	pruned  time.Duration
	forgot  uint64 // ticket of the last command that was forgotten

	maxEntries int
	maxBacklog int64
	changed    *sync.Cond // an entry was finished, or the ledger closed
}

// Recovered is a command that was not finished when the ledger was opened.
type Recovered struct {
	Key  Key
	Body []byte
	At   time.Time // of acceptance
	Due  time.Time
	// Starts is how often it was started; 0: never.
	Starts int
	// Result is the recorded payload of a verdict, or nil.
	Result []byte
}

// OpenLedger opens the ledger of pcID in dir. Each pc_id has its own file, so
// entries of another one (a cloned image, a renamed host) are neither run nor
// used for dedupe. Torn says how many lines a power cut or a full disk had left
// unreadable; they are dropped: nobody was told that they were written.
func OpenLedger(fsys atomicfile.FS, dir, pcID string, now func() time.Time) (l *Ledger, torn int, err error) {
	if err := atomicfile.MkdirAll(fsys, dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("command: create ledger folder: %w", err)
	}
	opened := time.Now()
	l = &Ledger{
		now: now, uptime: func() time.Duration { return time.Since(opened) }, pcID: pcID,
		entries: make(map[Key]*entry), maxEntries: maxEntries, maxBacklog: maxBacklog,
	}
	l.journal, torn, err = openJournal(fsys, filepath.Join(dir, LedgerFile(pcID)), l.replay)
	if err != nil {
		return nil, 0, err
	}
	l.changed = sync.NewCond(&l.journal.mu)
	l.journal.snapshot = l.snapshot
	if err := l.settle(torn); err != nil {
		return nil, 0, errors.Join(err, l.journal.close())
	}
	return l, torn, nil
}

// settle makes what was read durable, and lets go of what is old. A rewrite that
// only tidies up may fail: a host whose disk is full needs its agent too.
func (l *Ledger) settle(torn int) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	l.journal.measure()
	forgotten := l.prune()
	switch {
	case l.journal.size == 0:
		return l.journal.syncNames()
	case l.journal.ended && torn+forgotten == 0 && !l.journal.grown():
		return nil
	}
	// Once the old file is closed, only a rewrite can vouch for what was read.
	if err := l.journal.rewrite(); err == nil || l.journal.distrust {
		return err
	}
	if l.journal.sync() == nil {
		return nil
	}
	// What a failed sync has dropped can still be read, and the next sync says
	// nothing of it.
	return l.journal.rewrite()
}

// LedgerFile is the name of a pc_id's file.
func LedgerFile(pcID string) string {
	sum := sha256.Sum256([]byte(pcID))
	return fmt.Sprintf("%x", sum[:8]) + ledgerSuffix
}

const ledgerSuffix = ".journal"

// OtherLedgers returns the files in dir that other pc_ids have left.
func OtherLedgers(fsys atomicfile.FS, dir, pcID string) ([]string, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("command: list ledger folder: %w", err)
	}
	var others []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ledgerSuffix && e.Name() != LedgerFile(pcID) {
			others = append(others, e.Name())
		}
	}
	return others, nil
}

// KeyOf returns the ledger's key for a request ID on this host.
func (l *Ledger) KeyOf(requestID string) Key {
	return sha256.Sum256([]byte(l.pcID + "\x00" + requestID))
}

// Close writes what is pending and closes the file.
func (l *Ledger) Close() error {
	err := l.journal.close()
	l.changed.Broadcast()
	return err
}

// Unfinished returns, in the order of acceptance, what a restart owes.
func (l *Ledger) Unfinished() []Recovered {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	var out []Recovered
	for _, key := range l.openKeys() {
		e := l.entries[key]
		out = append(out, Recovered{
			Key: key, Body: e.body, At: e.at, Due: e.due, Starts: e.starts, Result: e.result,
		})
	}
	return out
}

// Body returns the received bytes of a command that waits to run, and when it
// was accepted.
func (l *Ledger) Body(key Key) (body []byte, at time.Time, ok bool) {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	e, found := l.entries[key]
	if !found || e.body == nil {
		return nil, time.Time{}, false
	}
	return e.body, e.at, true
}

// Verdict returns the recorded result of a command that gets one without a run.
func (l *Ledger) Verdict(key Key) (result []byte, ok bool) {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	e, found := l.entries[key]
	if !found || e.state != verdict {
		return nil, false
	}
	return e.result, true
}

// Hold takes back the mark of a command that was not started after all. It does
// not wait for the disk: without the line a restart reports it as interrupted.
func (l *Ledger) Hold(key Key) {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	e, ok := l.entries[key]
	if !ok || e.state != started {
		return
	}
	if _, err := l.append(line{Op: opHold, Key: key}); err == nil {
		e.hold()
	}
}

// hold goes back to where the command stood before its last start.
func (e *entry) hold() {
	e.starts--
	if e.starts == 0 {
		e.state = accepted
	}
}

// Conclude records, durably, a verdict for a command that is not finished: from
// now on a restart sends this result and does not decide again.
func (l *Ledger) Conclude(key Key, result []byte) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	e, ok := l.entries[key]
	if !ok || e.state >= verdict {
		return errNotOpen
	}
	ticket, err := l.append(line{Op: opVerdict, Key: key, At: l.now(), Result: result})
	if err != nil {
		return err
	}
	before := e.state
	e.state, e.result = verdict, result
	l.backlog += int64(len(result))
	if err := l.journal.wait(ticket); err != nil {
		e.state, e.result = before, nil
		l.backlog -= int64(len(result))
		return err
	}
	return nil
}

// Counts is a summary for Status.
type Counts struct {
	Accepted, Started, Finished int
}

// Counts returns how many commands stand where.
func (l *Ledger) Counts() Counts {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	var c Counts
	for _, e := range l.entries {
		switch e.state {
		case accepted, verdict:
			c.Accepted++
		case started:
			c.Started++
		case finished:
			c.Finished++
		}
	}
	return c
}

func (l *Ledger) append(ln line) (ticket uint64, err error) {
	encoded, err := ln.encode()
	if err != nil {
		return 0, err
	}
	return l.journal.append(encoded), nil
}

func (l *Ledger) snapshot(w io.Writer) error {
	for key, e := range l.entries {
		if e.state == finished {
			if err := writeLine(w, line{Op: opDone, Key: key, Sum: &e.sum, Local: e.local, Stamp: e.stamp, At: e.at}); err != nil {
				return err
			}
		}
	}
	for _, key := range l.openKeys() {
		if err := l.writeOpen(w, key); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) writeOpen(w io.Writer, key Key) error {
	e := l.entries[key]
	accept := line{Op: opAccept, Key: key, Sum: &e.sum, Local: e.local, Stamp: e.stamp, At: e.at, Due: e.due, Body: e.body}
	if e.state == verdict {
		accept.Op, accept.Result, accept.Body = opVerdict, e.result, nil
	}
	if err := writeLine(w, accept); err != nil {
		return err
	}
	if e.state != started {
		return nil
	}
	return writeLine(w, line{Op: opStart, Key: key, Attempt: e.starts})
}

func writeLine(w io.Writer, ln line) error {
	encoded, err := ln.encode()
	if err != nil {
		return err
	}
	_, err = w.Write(encoded)
	return err
}
