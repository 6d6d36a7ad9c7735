package settings

import (
	"errors"
	"maps"
	"time"
)

// readAgainFor is how long a snapshot that cannot be read keeps its place. Until
// then nothing is written: what only it knows would be lost.
const readAgainFor = 10 * time.Minute

// loadLate reads a snapshot that could not be read at the start. It reports whether
// the next one may be written.
func (m *mirror) loadLate() bool {
	m.mu.RLock()
	since := m.unloaded
	m.mu.RUnlock()
	if since.IsZero() {
		return true
	}
	found, err := m.store.load(m.bucket)
	if errors.Is(err, errUnreadable) {
		if time.Since(since) < readAgainFor || !m.giveUp(err) {
			return false
		}
		found, err = nil, nil
	}
	if err != nil { // it is damaged and was set aside
		m.told.warn("what was known of a bucket could not be read from disk; it is known again when the broker is there", m.bucket, err)
	}
	m.join(found)
	return true
}

// giveUp sets the snapshot aside, where somebody can still look at it.
func (m *mirror) giveUp(why error) bool {
	if err := m.store.setAside(m.bucket, unreadableSuffix); err != nil {
		m.problem(causeSnapshot, errors.Join(why, err).Error()+"; it is tried again, and nothing is written before")
		return false
	}
	m.told.warn("what was known of a bucket could not be read from disk and was set aside; it is known again when the broker is there", m.bucket, why)
	return true
}

// join takes in what the last run knew, beside what is known by now: all of it as
// long as there was no view, and what a view does not end after that. Nil: it knew
// nothing that can be used.
func (m *mirror) join(found *snapshot) {
	var rows map[string]row
	if found != nil {
		var err error
		if rows, err = m.policy.restore(found.Rows); err != nil {
			m.told.warn("what was known of a bucket is not taken from disk", m.bucket, err)
			found = nil
		}
	}
	m.problem(causeSnapshot, "")
	m.mu.Lock()
	m.unloaded = time.Time{}
	if found != nil {
		m.joinRows(rows, found)
	}
	if m.known {
		m.markUnsaved()
	}
	m.mu.Unlock()
	m.changed()
	m.tellForgot()
	m.noted()
}

// joinRows is called with the lock held.
func (m *mirror) joinRows(late map[string]row, found *snapshot) {
	f := folded{rows: late}
	if m.viewed {
		f.rows = maps.Clone(m.rows)
		m.policy.join(f.rows, late)
		f.makeRoom()
	}
	if !m.known {
		m.stale = found.Saved
	}
	m.rows, m.known, m.forgot = f.rows, true, m.forgot.join(f.forgot).join(found.Forgot).without(f.rows)
}
