package settings

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// mirror is the rows of one bucket that are in force.
type mirror struct {
	bucket string
	policy policy
	keys   retry.Keys
	store  store
	told   *notices
	broker broker
	// changed is called after every change of the contents.
	changed func()

	unsaved chan struct{} // of the service

	mu             sync.RWMutex
	rows           map[string]row
	bad            []badRow
	known          bool      // the rows are those of some time
	read           bool      // in this process
	stale          time.Time // since when the broker may know better; zero: fresh
	version, saved uint64    // of the contents, and those of the snapshot
}

// load takes the snapshot of the last run.
func (m *mirror) load() {
	found, err := m.store.load(m.bucket)
	if err != nil {
		m.told.warn("what was known of a bucket could not be read from disk; it is known again when the broker is there", m.bucket, err)
	}
	if found == nil {
		return
	}
	entries := make(map[string]retry.Entry, len(found.Rows))
	for key, r := range found.Rows {
		entries[key] = retry.Entry{Value: []byte(r.Value), Revision: r.Revision, Created: r.Put}
	}
	f, err := m.policy.fold(nil, entries)
	if err != nil {
		m.told.warn("what was known of a bucket is not taken from disk", m.bucket, err)
		return
	}
	for key, r := range f.rows {
		r.Kept = found.Rows[key].Kept
		f.rows[key] = r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows, m.known, m.stale = f.rows, true, found.Saved
}

// apply takes a view of the bucket.
func (m *mirror) apply(ctx context.Context, v retry.View) {
	m.mu.RLock()
	old := m.rows
	m.mu.RUnlock()
	f, err := m.policy.fold(old, v.Entries)
	if err != nil {
		m.refuse(err)
		return
	}
	m.dropDeleted(ctx, f)
	if m.replace(old, f, v.Stale) {
		m.changed()
	}
	m.tell(f.bad)
}

// dropDeleted drops the sticky rows that are gone because somebody deleted them.
// What cannot be found out is kept.
func (m *mirror) dropDeleted(ctx context.Context, f folded) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, key := range f.vanished {
		if ctx.Err() != nil {
			return
		}
		if a := m.broker.read(ctx, m.bucket, key); a.is == deleted && !f.rows[key].outdates(a.revision, a.put) {
			delete(f.rows, key)
		}
	}
}

// replace reports whether the contents are others now, or known for the first
// time.
func (m *mirror) replace(old map[string]row, f folded, stale time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range old {
		if _, still := m.rows[key]; !still && f.rows[key].Kept {
			delete(f.rows, key) // it was forgotten meanwhile
		}
	}
	differs := !m.known || !sameContents(m.rows, f.rows)
	m.rows, m.bad, m.known, m.stale = f.rows, f.bad, true, stale
	m.read = m.read || stale.IsZero()
	if differs {
		m.markUnsaved()
	}
	return differs
}

// refuse keeps what is in force and says since when.
func (m *mirror) refuse(err error) {
	m.lose()
	m.told.report(m.bucket, []notice{{bucket: m.bucket, text: err.Error() + "; the last good view stays in force"}})
}

// lose says that the view may be behind from now on, if it was not before.
func (m *mirror) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stale.IsZero() {
		m.stale = time.Now()
	}
}

func (m *mirror) tell(bad []badRow) {
	notices := make([]notice, 0, len(bad))
	for _, b := range bad {
		notices = append(notices, notice{bucket: m.bucket, key: b.Key, revision: b.Revision, text: b.Err.Error() + "; the last good value stays in force"})
	}
	m.told.report(m.bucket, notices)
}

// missing says that the broker has no such bucket, which is as good as an empty
// one as long as no row is known. Rows stay.
func (m *mirror) missing() {
	if m.becomeEmpty() {
		m.changed()
	}
}

func (m *mirror) becomeEmpty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) > 0 {
		return false
	}
	first := !m.known
	m.known, m.read, m.stale = true, true, time.Now()
	if first {
		m.rows = map[string]row{}
		m.markUnsaved()
	}
	return first
}

func (m *mirror) hasRows() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.rows) > 0
}

// forget drops a row that the broker says was deleted.
func (m *mirror) forget(key string, a answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.rows[key].Kept || m.rows[key].outdates(a.revision, a.put) {
		return // the view will tell
	}
	rows := make(map[string]row, len(m.rows))
	for k, r := range m.rows {
		if k != key {
			rows[k] = r
		}
	}
	m.rows = rows
	m.markUnsaved()
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

// held is what a mirror knows of one key.
type held struct {
	value string
	there bool
	known bool
	age   time.Duration
	row   row
}

func (m *mirror) get(key string) held {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, there := m.rows[key]
	return held{value: r.Value, there: there, known: m.known, age: m.age(), row: r}
}

// age is how long the broker may have known better: 0 only while the view is
// fresh, wire.NeverConnected until this process has read it.
func (m *mirror) age() time.Duration {
	switch {
	case !m.read:
		return wire.NeverConnected
	case m.stale.IsZero():
		return 0
	}
	return max(time.Since(m.stale), 1)
}

// values are the rows of some keys; known says that they are those of some time.
func (m *mirror) values(keys ...string) (rows map[string]row, known bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	rows = make(map[string]row, len(keys))
	for _, key := range keys {
		if r, there := m.rows[key]; there {
			rows[key] = r
		}
	}
	return rows, m.known
}

// status is a summary.
func (m *mirror) status() BucketStatus {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := BucketStatus{Bucket: m.bucket, Known: m.known, Read: m.read, Stale: m.stale, Rows: len(m.rows), Unsaved: m.version != m.saved}
	for _, r := range m.rows {
		s.Revision = max(s.Revision, r.Revision)
		if r.Kept {
			s.Kept++
		}
	}
	for _, b := range m.bad {
		s.Bad = append(s.Bad, b.Key)
	}
	slices.Sort(s.Bad)
	s.Bad = s.Bad[:min(len(s.Bad), maxNamed)]
	return s
}
