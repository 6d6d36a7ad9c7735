package settings

import (
	"errors"
	"maps"

	"github.com/kanade-go/kanade/agent/internal/statefile"
)

// load takes in what the last run knew. It reports whether that is done: until then
// nothing is written over it.
func (m *mirror) load() bool {
	found, err := m.store.load()
	switch {
	case errors.Is(err, statefile.ErrUnreadable):
		m.problem(causeSnapshot, err.Error()+"; it is tried again, and nothing is written before")
		return false
	case errors.Is(err, statefile.ErrAbandoned):
		m.told.warn("what was known of a bucket could not be read from disk and was set aside; it is known again when the broker is there", m.bucket, err)
	case err != nil: // it is damaged, or of another host, and was set aside
		m.told.warn("what was known of a bucket could not be read from disk; it is known again when the broker is there", m.bucket, err)
	}
	m.problem(causeSnapshot, "")
	m.join(found)
	return true
}

// loadLate is load for a snapshot that could not be read at the start.
func (m *mirror) loadLate() bool {
	if !m.store.IsUnread() {
		return true
	}
	if !m.load() {
		return false
	}
	m.mu.Lock()
	if m.known {
		m.markUnsaved()
	}
	m.mu.Unlock()
	m.changed()
	m.noted()
	return true
}

// join takes in what the last run knew, beside what is known by now: all of it as
// long as there was no view, and what a view does not end after that. Nil: it knew
// nothing that can be used.
func (m *mirror) join(found *snapshot) {
	if found == nil {
		return
	}
	late, err := m.policy.restore(found.Rows)
	if err != nil {
		m.told.warn("what was known of a bucket is not taken from disk", m.bucket, err)
		return
	}
	m.folding.Lock()
	m.mu.Lock()
	m.joinRows(late, found)
	m.mu.Unlock()
	m.folding.Unlock()
	m.tellForgot()
}

// joinRows is called with the locks held.
func (m *mirror) joinRows(late map[string]row, found *snapshot) {
	f := folded{rows: late}
	if m.viewed {
		f.rows = maps.Clone(m.rows)
		m.policy.join(f.rows, late, m.bad)
		f.makeRoom()
	}
	if !m.known {
		m.stale = found.Saved
	}
	m.rows, m.known, m.forgot = f.rows, true, m.forgot.join(f.forgot).join(found.Forgot).without(f.rows)
}
