package schedule

import (
	"errors"
	"maps"
	"time"
)

// load takes the snapshot of the last run.
func (m *mirror) load() {
	if err := m.loadSince(time.Now()); err != nil {
		m.told.failFile(m.bucket, err, againLater)
	}
}

// loadSince reports why the next snapshot may not be written yet.
func (m *mirror) loadSince(since time.Time) error {
	var file rowsFile
	found, err := m.store.loadSince(since, m.bucket, &file)
	if errors.Is(err, errUnreadable) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.unread = since
		return err
	}
	if err != nil {
		m.told.warn("snapshot of bucket", m.bucket, err.Error())
	}
	m.join(file, found)
	return nil
}

// join takes what the last run knew: all of it as long as there was no view, and
// beside a view the last good rows of those that cannot be read.
func (m *mirror) join(file rowsFile, found bool) {
	m.folding.Lock()
	defer m.folding.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	late := !m.unread.IsZero()
	m.unread = time.Time{}
	bad := m.bad
	m.bad = nil
	if !found {
		return
	}
	rows := maps.Clone(m.rows)
	if rows == nil {
		rows = make(map[string]string, len(file.Rows))
	}
	for key, value := range file.Rows {
		if (!m.known || bad[key]) && m.usable(key, value) == nil {
			rows[key] = value
		}
	}
	if !m.known {
		m.known, m.stale = true, file.Saved
	}
	m.rows = rows
	if late {
		m.changed()
	}
}
