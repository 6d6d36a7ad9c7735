package settings

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// askTime bounds one look at the broker.
	askTime = 2 * time.Second
	// askPause is how long the broker is not asked after it has not answered.
	askPause = 2 * time.Second
	// lagTime is what a replica may be behind what its broker has confirmed.
	lagTime = 100 * time.Millisecond
	// maxAsks is how often a refusal is asked for.
	maxAsks = 2
)

// Scripts knows which version each job is pinned to, and which jobs are revoked.
type Scripts struct {
	pins, status *mirror
	broker       broker
	connected    func() bool
	silent       atomic.Pointer[time.Time] // when the broker last did not answer
}

func newScripts(cfg Config, newMirror func(Config, string, policy) *mirror) *Scripts {
	s := &Scripts{connected: cfg.Connected, broker: broker{cfg.Streams}}
	s.pins = newMirror(cfg, wire.BucketScriptCurrent, policy{
		check: func(_ string, value []byte) error { return wire.CheckScriptVersion(value) },
	})
	s.status = newMirror(cfg, wire.BucketScriptStatus, policy{
		check:  func(_ string, value []byte) error { return wire.CheckScriptStatus(value) },
		sticky: func(value string) bool { return value == wire.ScriptRevoked },
	})
	return s
}

// Known is what is known of a job; it asks nobody.
func (s *Scripts) Known(jobID string) wire.ScriptState {
	if wire.KeySafe(jobID) != nil {
		return wire.ScriptState{Known: true, Final: true} // no bucket can say anything about it
	}
	return s.state(s.pins.get(jobID), s.status.get(jobID))
}

func (s *Scripts) state(pin, status held) wire.ScriptState {
	return wire.ScriptState{
		Known: pin.known && status.known, Pinned: pin.there, Version: pin.value,
		Revoked: status.there && status.value == wire.ScriptRevoked, Age: max(pin.age, status.age),
	}
}

// Ask is the best answer for a decision about a version of a job. While the views
// are fresh and nothing speaks against the version, it is what Known says.
// Otherwise the broker is asked, for 2 s at most and twice before a refusal; what
// it does not answer, or cannot be asked, is as it was last known. The answer is
// final unless ctx ended.
func (s *Scripts) Ask(ctx context.Context, jobID, version string) wire.ScriptState {
	state := s.Known(jobID)
	if state.Final {
		return state
	}
	for n := 0; n < maxAsks && s.worthAsking(state, n, version) && s.canAsk(); n++ {
		if n > 0 && !supervise.Sleep(ctx, lagTime) {
			break
		}
		answer, ok := s.ask(ctx, jobID)
		if !ok {
			if ctx.Err() == nil {
				s.noteSilence()
			}
			state = answer
			break
		}
		state = answer
	}
	state.Final = ctx.Err() == nil
	return state
}

// worthAsking says whether the broker may know something that changes the
// decision. What it said itself is only doubted when it refuses.
func (s *Scripts) worthAsking(state wire.ScriptState, asked int, version string) bool {
	return asked == 0 && (!state.Known || state.Age > 0) || state.Refuses(version)
}

func (s *Scripts) canAsk() bool {
	if !s.connected() {
		return false
	}
	silent := s.silent.Load()
	return silent == nil || time.Since(*silent) >= askPause
}

func (s *Scripts) noteSilence() {
	now := time.Now()
	s.silent.Store(&now)
}

// ask reads both rows of a job. What could not be read is as it was known; ok says
// that both were read.
func (s *Scripts) ask(ctx context.Context, jobID string) (state wire.ScriptState, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answered := make(chan answer, 1)
	go func() { answered <- s.broker.read(ctx, s.pins.bucket, jobID) }()
	status := s.broker.read(ctx, s.status.bucket, jobID)
	pin := <-answered
	if status.is == deleted {
		s.status.forget(jobID, status)
	}
	state = s.state(known(s.pins, jobID, pin, false), known(s.status, jobID, status, true))
	return state, pin.err == nil && status.err == nil
}

// known is what a mirror and the broker know of a key together. Keep: a row that
// is merely not there does not end what is known. A server that is behind the view,
// or was set back to a backup, knows nothing better.
func known(m *mirror, key string, a answer, keep bool) held {
	if a.err == nil && a.is == noBucket {
		m.missing()
	}
	h := m.get(key)
	if a.err != nil || a.revision > 0 && h.row.outdates(a.revision, a.put) {
		return h
	}
	h.known, h.age = true, 0
	switch {
	case a.is == found:
		if m.policy.check(key, []byte(a.value)) == nil {
			h.value, h.there = a.value, true
		}
	case a.is == deleted || !keep:
		h.value, h.there = "", false
	}
	return h
}
