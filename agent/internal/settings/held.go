package settings

import (
	"maps"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

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
	return held{value: r.Value, there: there, known: m.known && (there || !m.forgot.has(key)), age: m.age(), row: r}
}

// age is how long the broker may have known better: 0 only while the view is
// fresh, wire.NeverConnected until this process has read it.
func (m *mirror) age() time.Duration {
	stale := m.staleSince()
	switch {
	case !m.read:
		return wire.NeverConnected
	case stale.IsZero():
		return 0
	}
	return max(time.Since(stale), 1)
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
	s := BucketStatus{
		Bucket: m.bucket, Known: m.known, Read: m.read, Stale: m.staleSince(), Missing: m.gone, Unreadable: m.unreadable,
		Rows: len(m.rows), Unsaved: m.version != m.saved || m.store.IsUnread(),
	}
	for _, r := range m.rows {
		s.Revision = max(s.Revision, r.Revision)
		if r.Kept {
			s.Kept++
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(m.problems)) {
		s.Problems = append(s.Problems, m.problems[cause])
		if cause == causeTooMuch || cause == causeForgot {
			s.Severe = append(s.Severe, m.problems[cause])
		}
	}
	for _, b := range m.bad {
		s.Bad = append(s.Bad, b.Key)
	}
	slices.Sort(s.Bad)
	s.Bad = s.Bad[:min(len(s.Bad), maxNamed)]
	return s
}

// What a bucket, as a whole, may have a problem with.
const (
	causeRefused  = "refused"
	causeTooMuch  = "too much"
	causeForgot   = "forgot"
	causeSnapshot = "snapshot"
)

// problem tells, once for as long as it lasts, what somebody has to mend; an empty
// text that it is mended.
func (m *mirror) problem(cause, text string) {
	m.mu.Lock()
	news := m.problems[cause] != text
	if text == "" {
		delete(m.problems, cause)
	} else {
		m.problems[cause] = text
	}
	m.mu.Unlock()
	var all []notice
	if text != "" {
		all = []notice{{bucket: m.bucket, text: text}}
	}
	m.told.report(cause+" "+m.bucket, all)
	if news {
		m.noted()
	}
}
