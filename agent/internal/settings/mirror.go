package settings

import (
	"context"
	"sync"
	"time"

	"github.com/kanade-go/kanade/retry"
)

// mirror is the rows of one bucket that are in force.
type mirror struct {
	bucket string
	policy policy
	keys   retry.Keys
	store  store
	told   *notices
	source Rows
	since  func() (connected bool, since time.Time)
	// changed is called after every change of the contents.
	changed func()
	// noted is called after every change of what the status says.
	noted func()

	unsaved chan struct{} // of the service
	silence silence       // of the bucket, for the goroutine of watch
	outage  outage        // of single rows

	folding        sync.Mutex // one after the other: views, and a late snapshot
	mu             sync.RWMutex
	rows           map[string]row
	bad            []badRow
	forgot         forgotten // sticky rows for which there was no room
	known          bool      // the rows are those of some time
	read           bool      // in this process
	viewed         bool      // in this process, from a bucket that was there
	stale          time.Time // since when the view may be behind; zero: it is fresh
	gone           time.Time // since when the broker has no such bucket
	missed         time.Time // when it was last found to have none
	asked          time.Time // when it last said so
	unreadable     string    // why it cannot be read
	problems       map[string]string
	version, saved uint64 // of the contents, and those of the snapshot
}

// apply takes a view of the bucket.
func (m *mirror) apply(ctx context.Context, v retry.View) {
	bad, differs, err := m.take(ctx, v)
	if err != nil {
		m.refuse(err)
		return
	}
	if differs {
		m.changed()
	}
	m.tell(bad)
	m.tellForgot()
	m.noted()
}

// take brings the rows in force up to a view. It reports whether the contents are
// others now, or known for the first time.
func (m *mirror) take(ctx context.Context, v retry.View) (bad []badRow, differs bool, err error) {
	m.folding.Lock()
	defer m.folding.Unlock()
	m.mu.RLock()
	old := m.rows
	m.mu.RUnlock()
	f, err := m.policy.fold(old, v.Entries)
	if err != nil {
		return nil, false, err
	}
	m.dropDeleted(ctx, f)
	f.makeRoom()
	return f.bad, m.replace(old, f, v.Stale), nil
}

// maxDeletions is how many deletions are asked for at once. When more rows vanish
// the bucket was wiped, and a fleet must not ask for each of them; what was deleted
// nevertheless is found out when a command asks for it.
const maxDeletions = 64

// dropDeleted drops the sticky rows that are gone because somebody deleted them.
// What cannot be found out is kept.
func (m *mirror) dropDeleted(ctx context.Context, f folded) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, key := range f.vanished[:min(len(f.vanished), maxDeletions)] {
		if ctx.Err() != nil {
			return
		}
		if a := m.ask(ctx, key); a.is == deleted && !f.rows[key].outdates(a.revision, a.put) {
			delete(f.rows, key)
		}
	}
}

func (m *mirror) replace(old map[string]row, f folded, stale time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range old {
		if _, still := m.rows[key]; !still && f.rows[key].Kept {
			delete(f.rows, key) // it was forgotten meanwhile
		}
	}
	forgot := m.forgot.join(f.forgot).without(f.rows)
	differs := !m.known || !sameContents(m.rows, f.rows) || !forgot.equal(m.forgot)
	m.rows, m.bad, m.forgot, m.known, m.viewed, m.stale = f.rows, f.bad, forgot, true, true, stale
	m.read = m.read || stale.IsZero()
	if stale.IsZero() {
		m.gone, m.missed, m.unreadable = time.Time{}, time.Time{}, ""
	}
	if differs {
		m.markUnsaved()
	}
	return differs
}

// refuse keeps what is in force and says since when.
func (m *mirror) refuse(err error) {
	m.lose()
	m.problem(causeTooMuch, err.Error()+"; the last good view stays in force")
}

// lose says that the view may be behind from now on, if it was not before.
func (m *mirror) lose() {
	defer m.noted()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notMissing()
	if m.stale.IsZero() {
		m.stale = time.Now()
	}
}

// tell is told of a view that was taken.
func (m *mirror) tell(bad []badRow) {
	notices := make([]notice, 0, len(bad))
	for _, b := range bad {
		notices = append(notices, notice{bucket: m.bucket, key: b.Key, revision: b.Revision, text: b.Err.Error() + "; the last good value stays in force"})
	}
	m.told.report(m.bucket, notices)
	m.problem(causeTooMuch, "")
}

func (m *mirror) tellForgot() {
	m.mu.RLock()
	text := ""
	if m.forgot.any() {
		text = forgotText
	}
	m.mu.RUnlock()
	m.problem(causeForgot, text)
}

func (m *mirror) hasForgotten(key string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.forgot.has(key)
}

// forget drops a row that the broker says was deleted, also one that could not be
// kept.
func (m *mirror) forget(key string, a answer) {
	if m.drop(key, a) {
		m.tellForgot()
		m.noted()
	}
}

func (m *mirror) drop(key string, a answer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if left := m.forgot.without(map[string]row{key: {}}); !left.equal(m.forgot) {
		m.forgot = left
		m.markUnsaved()
		return true
	}
	if !m.rows[key].Kept || m.rows[key].outdates(a.revision, a.put) {
		return false // the view will tell
	}
	rows := make(map[string]row, len(m.rows))
	for k, r := range m.rows {
		if k != key {
			rows[k] = r
		}
	}
	m.rows = rows
	m.markUnsaved()
	return true
}

// markUnsaved is called with the lock held.
func (m *mirror) markUnsaved() {
	m.version++
	m.signal()
}

func (m *mirror) signal() {
	select {
	case m.unsaved <- struct{}{}:
	default:
	}
}
