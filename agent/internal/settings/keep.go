package settings

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry"
)

const (
	// saveTogether lets views that come in together be written together.
	saveTogether = 50 * time.Millisecond
	// saveEvery spaces the writes of a snapshot.
	saveEvery = time.Second
	// saveAgain is after which time a write that failed is tried again.
	saveAgain = 30 * time.Second
)

// watch follows the bucket until ctx ends. Nobody keeps the view fresh after it.
func (m *mirror) watch(ctx context.Context, watch Watch) error {
	defer m.lose()
	return watch(ctx, m.bucket, m.keys, func(v retry.View) { m.apply(ctx, v) },
		retry.WithOnAttempt(func(a retry.Attempt) { m.noteAttempt(ctx, a) }))
}

// keepSaved writes the snapshots after changes, and what is not written at the
// end. One that cannot be written does not hold up the others.
func (s *Service) keepSaved(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			s.save()
			return nil
		case <-s.unsaved:
			supervise.Sleep(ctx, saveTogether)
		case <-again:
		}
		again = nil
		if !s.save() {
			again = time.After(saveAgain)
		}
		supervise.Sleep(ctx, saveEvery)
	}
}

func (s *Service) save() (all bool) {
	all = true
	for _, m := range s.mirrors() {
		all = m.save() && all
	}
	return all
}

// save reports whether the snapshot has what is in force.
func (m *mirror) save() bool {
	if !m.loadLate() {
		return false
	}
	m.mu.RLock()
	version, found := m.version, snapshot{Saved: time.Now(), Rows: m.rows, Forgot: m.forgot} // rows are replaced, never changed
	clean := m.saved == m.version
	m.mu.RUnlock()
	if clean {
		return true
	}
	if err := m.store.save(found); err != nil {
		m.problem(causeSnapshot, err.Error()+"; it is tried again")
		return false
	}
	m.problem(causeSnapshot, "")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = version
	return true
}
