package hostfacts

import (
	"errors"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/wire"
)

// turns decides when the host is looked at.
type turns struct {
	*Service
	plan   plan
	due    time.Time
	missed bool // it was due while there was no connection
}

func (t *turns) begin() {
	settings, _ := t.cfg.Settings()
	t.plan = planOf(settings)
	t.due = t.spread()
}

// spread is the host's place within the time that a fleet has for what all of it
// does at once.
func (t *turns) spread() time.Time { return t.cfg.Now().Add(phase(t.cfg.PCID, t.plan.jitter)) }

// done plans the turn after this one.
func (t *turns) done() { t.due = following(t.cfg.Now(), t.cfg.PCID, t.plan.interval) }

// next returns how long to wait at the most before it is asked again, and what ends
// the wait; a pause of zero is a turn.
func (t *turns) next() (time.Duration, wakes) {
	settings, settingsChanged := t.cfg.Settings()
	connected, connectionChanged := t.cfg.Transport.State()
	w := wakes{settings: settingsChanged, connection: connectionChanged}
	t.follow(planOf(settings))
	t.missed = t.missed && t.plan.enabled
	pause := t.due.Sub(t.cfg.Now())
	switch {
	case !t.plan.enabled:
		return maxPause, w
	case pause > 0:
		return pause, w
	case !connected:
		t.missed = true
		return maxPause, w
	case t.missed:
		t.missed, t.due = false, t.spread()
		return t.next()
	}
	return t.backlog.pause(t.cfg.Box.Stats().Pending), w
}

// follow takes new settings, and a clock that was set back.
func (t *turns) follow(p plan) {
	changed := p != t.plan
	t.plan = p
	now, s := t.cfg.Now(), t.spread()
	if changed && (s.Before(t.due) || !t.due.After(now)) || t.due.Sub(now) > p.interval+p.jitter {
		t.due = s
	}
}

const (
	// The pauses between two looks at an outbox that still has something.
	firstLook = 100 * time.Millisecond
	lastLook  = 30 * time.Second
	// patience is how long the broker may take before it is a problem.
	patience = time.Minute
)

// resource is what the messages wait for.
const resource = "stream " + wire.StreamInventory

// backlog is what the broker has not taken yet.
type backlog struct {
	board *health.Board
	now   func() time.Time
	since time.Time // zero: there is none
	look  time.Duration
}

// pause is how long to wait for the outbox to be empty; zero: it is.
func (b *backlog) pause(pending int) time.Duration {
	now := b.now()
	if pending == 0 {
		if !b.since.IsZero() {
			b.board.Fine(resource)
		}
		b.since, b.look = time.Time{}, 0
		return 0
	}
	if b.since.IsZero() || b.since.After(now) {
		b.since = now
	}
	if now.Sub(b.since) >= patience {
		b.board.Problem(resource, errors.New(notTaken(pending)))
	}
	b.look = min(max(2*b.look, firstLook), lastLook)
	return b.look
}

func notTaken(pending int) string {
	return fmt.Sprintf("%d messages are not taken; check that the stream is there, with room, and that the agent's user may publish to it", pending)
}
