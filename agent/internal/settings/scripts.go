package settings

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// askTime bounds one look at the broker; half of it is for the leader.
	askTime = 2 * time.Second
	// askPause is how long the broker is not asked after it has not answered.
	askPause = 2 * time.Second
	// lagTime is what a replica may be behind what the leader has confirmed.
	lagTime = 100 * time.Millisecond
)

// Scripts knows which version each job is pinned to, and which jobs are revoked.
type Scripts struct {
	pins, status *mirror
	connected    func() bool
	silent       atomic.Pointer[time.Time] // when the broker last did not answer
}

func newScripts(cfg Config, newMirror func(Config, string, policy) *mirror) *Scripts {
	s := &Scripts{connected: cfg.Connected}
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
// Otherwise the leaders of the buckets are asked, at once and for 2 s at most; what
// the broker does not answer, or cannot be asked, is as it was last known. The
// answer is final unless ctx ended.
func (s *Scripts) Ask(ctx context.Context, jobID, version string) wire.ScriptState {
	state := s.Known(jobID)
	if state.Final {
		return state
	}
	if s.worthAsking(state, version) && s.canAsk() {
		state = s.askBroker(ctx, jobID, version)
	}
	state.Final = ctx.Err() == nil
	return state
}

// worthAsking says whether the broker may know something that changes the
// decision.
func (s *Scripts) worthAsking(state wire.ScriptState, version string) bool {
	return !state.Known || state.Age > 0 || state.Refuses(version)
}

func (s *Scripts) canAsk() bool {
	if !s.connected() {
		return false
	}
	silent := s.silent.Load()
	return silent == nil || time.Since(*silent) >= askPause
}

// askBroker doubts a refusal that a replica gave: the version may just have been
// pinned. The leader's is final.
func (s *Scripts) askBroker(ctx context.Context, jobID, version string) wire.ScriptState {
	state, from := s.ask(ctx, jobID)
	if from.replica && state.Refuses(version) && supervise.Sleep(ctx, lagTime) {
		state, from = s.ask(ctx, jobID)
	}
	if from.silent && ctx.Err() == nil {
		now := time.Now()
		s.silent.Store(&now)
	}
	return state
}

// informant is who answered.
type informant struct {
	replica bool // in a leader's place
	silent  bool // nobody, or only after a leader was waited for in vain
}

// ask reads both rows of a job. What could not be read is as it was known.
func (s *Scripts) ask(ctx context.Context, jobID string) (wire.ScriptState, informant) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answered := make(chan answer, 1)
	go func() { answered <- s.pins.ask(ctx, jobID) }()
	status := s.status.ask(ctx, jobID)
	pin := <-answered
	if status.is == deleted {
		s.status.forget(jobID, status)
	}
	return s.state(known(s.pins, jobID, pin, false), known(s.status, jobID, status, true)), informant{
		replica: pin.replica || status.replica,
		silent:  pin.err != nil || status.err != nil || pin.late || status.late,
	}
}

// known is what a mirror and the broker know of a key together. Keep: a row that
// is merely not there does not end what is known. A server that is behind the view,
// or was set back to a backup, knows nothing better; nor does one that does not
// answer where the leader may not be asked, unless it has not for long.
func known(m *mirror, key string, a answer, keep bool) held {
	if a.is == noBucket && !a.replica {
		m.missing()
	}
	h := m.get(key)
	if a.err != nil || a.is == noBucket && a.replica && !m.isGone() || a.revision > 0 && h.row.outdates(a.revision, a.put) {
		return h
	}
	h.age = 0
	switch {
	case a.is == found && m.policy.check(key, []byte(a.value)) == nil:
		h.value, h.there, h.known = a.value, true, true
	case a.is != found && (a.is == deleted || !keep):
		h.value, h.there, h.known = "", false, true
	default:
		h.known = h.there || !m.hasForgotten()
	}
	return h
}
