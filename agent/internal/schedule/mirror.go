package schedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

const (
	// maxBytes bounds the rows of one bucket that are kept.
	maxBytes = 8 << 20
	// rowBytes is what a row takes beside its key and its value.
	rowBytes = 64
	// maxScheduleRow and maxJobRow bound one row; a broker takes 1 MiB by default.
	maxScheduleRow = 64 << 10
	maxJobRow      = 1 << 20
)

// mirror is the rows of one bucket that are in force.
type mirror struct {
	bucket string
	keys   retry.Keys
	check  func(value []byte) error
	// keepLast: the last good row of a key stays in force when a bad one comes.
	keepLast bool
	snapshot document
	told     *notices
	changed  func()

	folding        sync.Mutex // one after the other: views, and a late snapshot
	mu             sync.RWMutex
	rows           map[string]string // replaced, never changed
	bad            map[string]error  // keys of the view whose rows cannot be used
	known          bool
	stale          time.Time // since when the broker may know better; zero: fresh
	version, saved uint64
}

// decoded checks a row by decoding it.
func decoded[T any](decode func([]byte) (T, error), limit int) func([]byte) error {
	return func(value []byte) error {
		if len(value) > limit {
			return fmt.Errorf("the row has %d bytes; at most %d are read", len(value), limit)
		}
		_, err := decode(value)
		return err
	}
}

type rowsFile struct {
	Saved time.Time         `json:"saved"`
	Rows  map[string]string `json:"rows"`
}

// watch follows the bucket until ctx ends. Nobody keeps the view fresh after it.
func (m *mirror) watch(ctx context.Context, watch Watch) error {
	defer m.lose()
	return watch(ctx, m.bucket, m.keys, m.apply)
}

func (m *mirror) lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stale.IsZero() {
		m.stale = time.Now()
	}
}

func (m *mirror) usable(key, value string) error {
	return errors.Join(wire.KeySafe(key), m.check([]byte(value)))
}

// apply takes a view of the bucket.
func (m *mirror) apply(v retry.View) {
	m.folding.Lock()
	defer m.folding.Unlock()
	old, _ := m.current()
	rows, bad, ok := m.fold(old, v.Entries)
	if !ok {
		m.told.tell("bucket", m.bucket, fmt.Sprintf("it holds more than %d bytes; the last good view stays in force", maxBytes))
		m.lose()
		return
	}
	m.told.tell("bucket", m.bucket, "")
	m.told.tellAll("row of bucket "+m.bucket, bad)
	if m.replace(rows, bad, v.Stale) {
		m.changed()
	}
}

// fold brings the rows in force up to a view; not ok: that is too much.
func (m *mirror) fold(old map[string]string, view map[string]retry.Entry) (rows map[string]string, bad map[string]error, ok bool) {
	rows, bad = make(map[string]string, len(view)), make(map[string]error)
	size := 0
	for key, e := range view {
		row, has := old[key]
		if !has || row != string(e.Value) {
			if err := m.usable(key, string(e.Value)); err != nil {
				bad[key], has = err, has && m.keepLast
			} else {
				row, has = string(e.Value), true
			}
		}
		if !has {
			continue
		}
		rows[key] = row
		if size += len(key) + len(row) + rowBytes; size > maxBytes {
			return nil, nil, false
		}
	}
	return rows, bad, true
}

// replace reports whether the contents are others now, or known for the first time,
// or fresh again.
func (m *mirror) replace(rows map[string]string, bad map[string]error, stale time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	differs := !m.known || !maps.Equal(m.rows, rows)
	refreshed := stale.IsZero() && !m.stale.IsZero()
	m.rows, m.bad, m.known, m.stale = rows, bad, true, stale
	if differs {
		m.version++
	}
	return differs || refreshed
}

func (m *mirror) current() (rows map[string]string, known bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.rows, m.known
}

func (m *mirror) state() (known bool, stale time.Time) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.known, m.stale
}

func (m *mirror) isFresh() bool {
	known, stale := m.state()
	return known && stale.IsZero()
}

func (m *mirror) unsaved() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.version != m.saved || m.snapshot.IsUnread()
}

// save writes the snapshot if there is something new.
func (m *mirror) save(now time.Time) error {
	if m.snapshot.IsUnread() {
		if err := m.load(); err != nil {
			return err
		}
		m.changed()
	}
	m.mu.RLock()
	version, file := m.version, rowsFile{Saved: now.UTC(), Rows: m.rows}
	clean := m.version == m.saved
	m.mu.RUnlock()
	if clean {
		return nil
	}
	if err := m.snapshot.save(file); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = version
	return nil
}
