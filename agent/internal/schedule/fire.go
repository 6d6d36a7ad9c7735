package schedule

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/kanade-go/kanade/agent/wire"
)

// fireName is what tells a fire from all others, of all hosts.
func fireName(pcID, key string, due time.Time, restarts uint64) string {
	return pcID + "\x00" + key + "\x00" + due.UTC().Format(time.RFC3339) + "\x00" + strconv.FormatUint(restarts, 10)
}

// idOf is a version 5 UUID of one kind for a fire.
func idOf(kind, name string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("kanade/schedule/"+kind+"\x00"+name)).String()
}

// fire returns the run that a waiting schedule is to make now. Without one, the
// schedule was left at its time, or waits on.
func (s *Service) fire(a *armed, now time.Time) (id string, f flight, ok bool) {
	id, f, problem := s.decide(a, now)
	if problem != "" && now.Before(a.at.Add(jobGrace)) {
		return "", flight{}, false // what is missing may be on its way
	}
	s.told.tell("job of schedule", a.key, problem)
	if id == "" {
		s.counters.passed.Add(1)
	}
	last, _ := a.cron.Last(now)
	if last.Before(a.due) {
		last = a.due
	}
	s.passTo(a, last)
	return id, f, id != ""
}

// decide returns the run that is to be made, why there can be none, or neither:
// there is nothing to do.
func (s *Service) decide(a *armed, now time.Time) (id string, f flight, problem string) {
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
func (s *Service) isDone(a *armed, now time.Time) bool {
	if a.sched.Mode == wire.EveryTick {
		return false
	}
	key := completionKey(a.sched.ID, a.sched.JobID)
	last, done := s.done.get(key)
	cooldown, again := a.sched.CooldownTime()
	switch {
	case !done:
		return false
	case !again:
		return true
	case last.After(now):
		s.done.set(key, now) // by a clock that was wrong
		return cooldown > 0
	}
	return now.Sub(last) < cooldown
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
	if !state.Known || !state.Refuses(m.Version) {
		a.answered = ""
		return false
	}
	answer := m.Version + "\x00" + strconv.FormatBool(state.Revoked) + "\x00" + state.Version
	if a.answered == answer {
		return true
	}
	a.answered = answer
	return false
}

// prepare encodes the command. The same fire of the same job is the same bytes.
func (s *Service) prepare(a *armed, m wire.Manifest, digest string) (id string, f flight, err error) {
	name := fireName(s.cfg.PCID, a.key, a.due, a.mark.Restarts)
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
