package schedule

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/kanade-go/kanade/agent/wire"
)

// fireName is what tells a fire from all others, of all hosts. A time comes once
// between two times at which its schedule starts over.
func fireName(pcID, key string, due, since time.Time) string {
	return pcID + "\x00" + key + "\x00" + due.UTC().Format(time.RFC3339) + "\x00" + since.UTC().Format(time.RFC3339Nano)
}

// idOf is a version 5 UUID of one kind for a fire.
func idOf(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("kanade/schedule/"+kind+"\x00"+name)).String()
}

// fire returns the run that a waiting schedule is to make now. Without one, the
// schedule was left at its time, or waits on.
func (s *Service) fire(a *armed, now moment) (id string, f flight, ok bool) {
	before := a.mark
	id, f, problem := s.decide(a, now)
	f.Before = before
	if problem != "" && now.wall.Before(a.at.Add(jobGrace)) {
		return "", flight{}, false // what is missing may be on its way
	}
	s.told.tell("job of schedule", a.key, problem)
	if id == "" {
		s.counters.passed.Add(1)
	}
	last, _ := a.cron.Last(now.wall)
	if last.Before(a.due) {
		last = a.due
	}
	s.passTo(a, last, now)
	return id, f, id != ""
}

// decide returns the run that is to be made, why there can be none, or neither:
// there is nothing to do.
func (s *Service) decide(a *armed, now moment) (id string, f flight, problem string) {
	if s.isDone(a, now) {
		return "", flight{}, ""
	}
	s.mu.Lock()
	m, known := s.manifests[a.sched.JobID]
	digest := s.digest[m.Execute.ScriptObject]
	s.mu.Unlock()
	if problem := lack(m, known, digest); problem != "" {
		return "", flight{}, problem
	}
	if s.isAnswered(a, m) {
		return "", flight{}, ""
	}
	id, f, err := s.prepare(a, m, digest)
	if err != nil {
		return "", flight{}, err.Error()
	}
	return id, f, ""
}

// isDone reports whether a once-per-pc schedule has nothing to do.
func (s *Service) isDone(a *armed, now moment) bool {
	if a.sched.Mode == wire.EveryTick {
		return false
	}
	at, done := s.countedDone(completionKey(a.sched.ID, a.sched.JobID), now)
	if !done {
		return false
	}
	cooldown, again := a.sched.CooldownTime()
	return !again || now.counted.Sub(at) < cooldown
}

// countedDone is when a job was last done, by the count: what its completion says,
// unless it is known better. What was done in the future counts as done now, from
// when that is noticed; the completion stays, for the clock may be wrong now.
func (s *Service) countedDone(key string, now moment) (at time.Time, done bool) {
	last, done := s.done.get(key)
	if !done {
		return time.Time{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.doneAt[key]; ok && known.Wall.Equal(last) {
		return known.Counted, true
	}
	if last.After(now.counted) {
		s.doneAt[key], s.dirty = stamp{last, now.counted}, true
		return now.counted, true
	}
	return last, true
}

// lack says what a job misses to be run.
func lack(m wire.Manifest, known bool, digest string) string {
	switch {
	case !known:
		return "its job is not known"
	case m.Execute.Script != "":
		return ""
	case m.Execute.ScriptObject == "":
		return "its job has no script"
	case digest == "":
		return fmt.Sprintf("the digest of script object %.80q is not known", m.Execute.ScriptObject)
	}
	return ""
}

// isAnswered reports whether the command path would refuse this version again,
// after it has done so once.
func (s *Service) isAnswered(a *armed, m wire.Manifest) bool {
	state := s.cfg.Lookup(m.ID)
	answer := ""
	if state.Known && state.Refuses(m.Version) {
		answer = idOf("answer", m.Version+"\x00"+strconv.FormatBool(state.Revoked)+"\x00"+state.Version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := a.mark.Answered
	a.mark.Answered = answer
	return answer != "" && answer == before
}

// prepare encodes the command. The same fire of the same job is the same bytes.
func (s *Service) prepare(a *armed, m wire.Manifest, digest string) (id string, f flight, err error) {
	name := fireName(s.cfg.PCID, a.key, a.due, a.mark.Since)
	c := wire.Command{
		ID: m.ID, Version: m.Version, RequestID: idOf("request", name), ExecID: idOf("exec", name),
		Shell: m.Execute.Shell, Script: m.Execute.Script, TimeoutSecs: m.Execute.TimeoutSecs(),
		RunAs: m.Execute.RunAs, Cwd: m.Execute.Cwd, Staleness: m.Staleness, Emit: m.Emit,
	}
	f = flight{Key: a.key, Completion: completionKey(a.sched.ID, a.sched.JobID), Due: a.due, Once: a.sched.Mode != wire.EveryTick}
	if c.Script == "" {
		c.ScriptObject, c.ScriptObjectSHA256, f.Object = m.Execute.ScriptObject, digest, m.Execute.ScriptObject
	}
	if latest, bounded := a.latestStart(a.due); bounded {
		c.DeadlineAt = latest
	}
	f.data, err = c.Encode()
	return c.RequestID, f, err
}

// IsRequestID reports whether a request ID looks like one of this package: a version
// 5 UUID. Backends draw version 4.
func IsRequestID(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.Version() == 5
}
