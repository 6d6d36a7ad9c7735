package settings

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// unansweredFor is after which time without any answer a bucket counts as missing
// for an agent that may not ask the leader: servers choose another leader within
// 10 s or so.
const unansweredFor = 30 * time.Second

// missingFor is how long a bucket that the leader says is not there goes on to count as
// missing while nobody answers for it, over the same connection: each look costs one
// request then, as one at a bucket that is there.
const missingFor = 5 * time.Minute

// anyKey is read to find out whether there is a bucket.
const anyKey = "any"

// noteAttempt keeps what the view says of its reads, and finds out whether a bucket
// that nobody answers for does not exist: one whose stream has no leader is silent
// too, and so is one that does not allow direct gets.
func (m *mirror) noteAttempt(ctx context.Context, a retry.Attempt) {
	if a.Err == nil {
		m.silence = silence{}
		m.isThere()
		return
	}
	if !errors.Is(a.Err, jetstream.ErrBucketNotFound) {
		m.cannotRead(a.Err.Error())
		return
	}
	lasts := m.silence.lasts(a)
	if m.isStillMissing() {
		m.missing()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch got := m.ask(ctx, anyKey); {
	case got.err != nil:
		m.cannotRead(a.Err.Error())
	case got.is == noBucket && got.replica && lasts < unansweredFor:
		m.cannotRead("") // that is not known yet
	case got.is == noBucket:
		m.missing()
		m.noteAsked()
	default:
		m.cannotRead("the bucket is there, but no server answers direct gets from it; is its allow_direct off?")
	}
}

// silence is a row of attempts that found nobody.
type silence struct {
	began, last time.Time
	pause       time.Duration // after the last one
}

// attemptSlack is by how much an attempt may be later than it was planned.
const attemptSlack = 15 * time.Second

// lasts returns for how long the row has gone on with this attempt. A lost connection
// ends it: the next attempt is late, or its pause is one of the first again.
func (s *silence) lasts(a retry.Attempt) time.Duration {
	now := time.Now()
	if a.N == 1 || s.began.IsZero() || now.Sub(s.last) > s.pause+attemptSlack || a.Wait < s.pause/2 {
		s.began = now
	}
	s.last, s.pause = now, a.Wait
	return now.Sub(s.began)
}

func (m *mirror) isThere() { m.cannotRead("") }

// cannotRead leaves open whether the bucket is there.
func (m *mirror) cannotRead(why string) {
	m.mu.Lock()
	news := !m.gone.IsZero() || m.unreadable != why
	m.notMissing()
	m.unreadable = why
	m.mu.Unlock()
	if news {
		m.noted()
	}
}

// notMissing is called with the lock held.
func (m *mirror) notMissing() {
	if !m.gone.IsZero() && len(m.rows) == 0 && m.stale.Before(m.missed) {
		m.stale = m.missed
	}
	m.gone, m.missed = time.Time{}, time.Time{}
}

// missing says that the broker has no such bucket, which is as good as an empty
// one as long as no row is known. Rows stay.
func (m *mirror) missing() {
	m.mu.Lock()
	news := m.gone.IsZero()
	m.unreadable, m.missed = "", time.Now()
	if news {
		m.gone = m.missed
	}
	first := m.beEmpty()
	m.mu.Unlock()
	if first {
		m.changed()
	}
	if news {
		m.noted()
	}
}

// noteAsked: it was said, not only found that nobody answers.
func (m *mirror) noteAsked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = time.Now()
}

// isStillMissing reports that there is no use in asking whether there is a bucket.
func (m *mirror) isStillMissing() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.gone.IsZero() || time.Since(m.asked) >= missingFor {
		return false
	}
	connected, since := m.since()
	return connected && !since.After(m.asked)
}

// beEmpty is called with the lock held.
func (m *mirror) beEmpty() (first bool) {
	if len(m.rows) > 0 {
		return false
	}
	first = !m.known
	m.known, m.read = true, true
	if first {
		m.rows = map[string]row{}
		m.markUnsaved()
	}
	return first
}

// startEmpty is for who knows nothing yet, not even a view: there is no bucket.
func (m *mirror) startEmpty() {
	m.mu.Lock()
	first := !m.known && m.beEmpty()
	if first {
		m.stale = time.Now()
	}
	m.mu.Unlock()
	if first {
		m.changed()
		m.noted()
	}
}

// hasNoRow says that no bucket can have a row for this host.
func (m *mirror) hasNoRow() {
	m.mu.Lock()
	m.rows, m.stale = map[string]row{}, time.Time{}
	m.beEmpty()
	m.mu.Unlock()
	m.changed()
}

// staleSince is since when the broker may know better; the zero time: it does not.
// Of a bucket that is not there, and of which no row is in force, that holds for as
// long as the connection over which the broker has said so: the view asks again as
// often as it checks a bucket that is there. It is called with the lock held.
func (m *mirror) staleSince() time.Time {
	if m.gone.IsZero() || len(m.rows) > 0 {
		return m.stale
	}
	switch connected, since := m.since(); {
	case !connected:
		return since
	case since.After(m.missed): // it was lost in between
		return m.missed
	}
	return time.Time{}
}

// isGone reports that the broker was found to have no such bucket.
func (m *mirror) isGone() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return !m.gone.IsZero()
}
