package schedule

import (
	"errors"
	"maps"

	"github.com/kanade-go/kanade/agent/internal/statefile"
)

// load takes in what the last run knew. An error says why the next snapshot may not
// be written yet.
func (m *mirror) load() error {
	var file rowsFile
	found, err := m.snapshot.load(&file)
	switch {
	case errors.Is(err, statefile.ErrUnreadable):
		return err
	case err != nil:
		m.told.warn("snapshot of bucket", m.bucket, err.Error())
	case found:
		m.join(file)
	}
	return nil
}

// join takes what the last run knew: all of it as long as there was no view, and
// beside a view the last good rows of those that cannot be read.
func (m *mirror) join(file rowsFile) {
	m.folding.Lock()
	defer m.folding.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := maps.Clone(m.rows)
	if rows == nil {
		rows = make(map[string]string, len(file.Rows))
	}
	for key, value := range file.Rows {
		_, there := rows[key]
		last := m.keepLast && m.bad[key] != nil && !there
		if (!m.known || last) && m.usable(key, value) == nil {
			rows[key] = value
		}
	}
	if !m.known {
		m.known, m.stale = true, file.Saved
	}
	m.rows = rows
}
