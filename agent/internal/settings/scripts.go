package settings

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// askTime bounds one look at the broker; half of it is for the leader.
	askTime = 2 * time.Second
	// askPause is how long a bucket is not asked for after it has not answered.
	askPause = 2 * time.Second
	// lagTime is what a replica may be behind what the leader has confirmed.
	lagTime = 100 * time.Millisecond
)

// Scripts knows which version each job is pinned to, and which jobs are revoked.
type Scripts struct {
	pins, status *mirror
	connected    func() bool
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
// the broker does not answer, or cannot be asked, is as it was last known. A bucket
// that was silent is left alone for 2 s. The answer is final unless ctx ended, or
// what a bucket that was left alone is known to say may be out of date: that bucket
// is to be asked later, until it has been silent for 30 s.
func (s *Scripts) Ask(ctx context.Context, jobID, version string) wire.ScriptState {
	state, complete := s.Known(jobID), true
	if state.Final {
		return state
	}
	if s.worthAsking(state, version) && s.connected() {
		state, complete = s.askBroker(ctx, jobID, version)
	}
	state.Final = complete && ctx.Err() == nil
	return state
}

// worthAsking says whether the broker may know something that changes the
// decision.
func (s *Scripts) worthAsking(state wire.ScriptState, version string) bool {
	return !state.Known || state.Age > 0 || state.Refuses(version)
}

// askBroker doubts a refusal that a replica gave: the version may just have been
// pinned. The leader's is final. Complete: no other question is to follow.
func (s *Scripts) askBroker(ctx context.Context, jobID, version string) (_ wire.ScriptState, complete bool) {
	r := s.ask(ctx, jobID, due{pin: !s.pins.outage.pauses(), status: !s.status.outage.pauses()})
	if r.ofReplica() && s.state(r.pin, r.status).Refuses(version) && supervise.Sleep(ctx, lagTime) {
		r = s.ask(ctx, jobID, r.due)
	}
	if ctx.Err() == nil {
		s.pins.outage.note(r.pinAnswer)
		s.status.outage.note(r.statusAnswer)
	}
	state := s.state(r.pin, r.status)
	askPin := !r.due.pin && !s.pins.outage.isLong() && s.worthAsking(s.state(r.pin, held{known: true}), version)
	askStatus := !r.due.status && !s.status.outage.isLong() && s.worthAsking(s.state(held{known: true}, r.status), version)
	return state, !askPin && !askStatus
}

// due says which buckets are asked.
type due struct{ pin, status bool }

// replies are what came of a question about a job, and what is known with it.
type replies struct {
	due                     due
	pinAnswer, statusAnswer answer
	pin, status             held
}

// ofReplica: in a leader's place.
func (r replies) ofReplica() bool { return r.pinAnswer.replica || r.statusAnswer.replica }

// ask reads both rows of a job. What could not be read is as it was known.
func (s *Scripts) ask(ctx context.Context, jobID string, d due) replies {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answered := make(chan answer, 1)
	go func() { answered <- s.pins.askIf(ctx, d.pin, jobID) }()
	r := replies{due: d, statusAnswer: s.status.askIf(ctx, d.status, jobID)}
	r.pinAnswer = <-answered
	if r.statusAnswer.is == deleted {
		s.status.forget(jobID, r.statusAnswer)
	}
	r.pin, r.status = known(s.pins, jobID, r.pinAnswer, false), known(s.status, jobID, r.statusAnswer, true)
	return r
}

func (m *mirror) askIf(ctx context.Context, due bool, key string) answer {
	if !due {
		return answer{err: errNotAsked}
	}
	return m.ask(ctx, key)
}

// known is what a mirror and the broker know of a key together. Keep: a row that
// is merely not there does not end what is known. A server that is behind the view,
// or was set back to a backup, knows nothing better; nor does one that does not
// answer where the leader may not be asked, unless it has not for long. Whether the
// bucket is there is for the view to say, which would not correct anybody else.
func known(m *mirror, key string, a answer, keep bool) held {
	if a.is == noBucket && !a.replica {
		m.startEmpty()
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
		h.known = h.there || !m.hasForgotten(key)
	}
	return h
}
