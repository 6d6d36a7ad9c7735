package settings

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/retry"
)

const (
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

// noteAttempt finds out whether a bucket that nobody answers for does not exist:
// one whose stream has no leader is silent too. It matters only as long as no
// row is known.
func (m *mirror) noteAttempt(ctx context.Context, a retry.Attempt) {
	if !errors.Is(a.Err, jetstream.ErrBucketNotFound) || m.hasRows() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if m.broker.lacks(ctx, m.bucket) {
		m.missing()
	}
}

// keepSaved writes the snapshots after changes, and what is not written at the
// end.
func (s *Service) keepSaved(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
		case <-s.unsaved:
		}
		last := isDone(ctx) // before the save, so that it has all there is
		saved := s.save()
		switch {
		case last:
			return nil
		case saved:
			supervise.Sleep(ctx, saveEvery)
		default:
			supervise.Sleep(ctx, saveAgain)
		}
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
	m.mu.RLock()
	version, found := m.version, snapshot{Bucket: m.bucket, Saved: time.Now(), Rows: m.rows} // rows are replaced, never changed
	clean := m.saved == m.version
	m.mu.RUnlock()
	if clean {
		return true
	}
	if err := m.store.save(found); err != nil {
		m.told.report("snapshot of "+m.bucket, []notice{{bucket: m.bucket, text: err.Error() + "; it is tried again"}})
		m.signal()
		return false
	}
	m.told.report("snapshot of "+m.bucket, nil)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = version
	return true
}

func isDone(ctx context.Context) bool { return ctx.Err() != nil }
