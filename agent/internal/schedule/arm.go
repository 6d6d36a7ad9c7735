package schedule

import (
	"maps"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule/cron"
	"github.com/kanade-go/kanade/agent/wire"
)

// armed is a schedule that this host fires. It belongs to the goroutine of run;
// mark is also guarded by the service's lock.
type armed struct {
	key   string // of the bucket
	row   string
	sched wire.Schedule
	cron  cron.Schedule
	mark  mark
	// resumed: the mark is of the last run, and nothing was looked at since.
	resumed bool

	waiting bool      // for at; it was due at due
	due, at time.Time // by the host's clock
}

// rearm brings the schedules up to the rows and groups that are in force. Those
// that did not change keep where they are.
func (s *Service) rearm(now moment) (groupsChanged <-chan struct{}) {
	groups, groupsChanged := s.cfg.Groups()
	rows, known := s.schedules.current()
	if !known || !s.stateRead.Load() {
		return groupsChanged
	}
	next, left := make(map[string]*armed, len(rows)), s.goneMarks(rows)
	for key, row := range rows {
		a, waits := s.arm(key, row, groups, now)
		if a != nil {
			next[key] = a
		} else if m, ok := s.markOf(key); ok && waits {
			left[key] = m
		}
	}
	s.told.retain("schedule", func(key string) bool { return rows[key] != "" })
	s.told.retain("job of schedule", func(key string) bool { return next[key] != nil })
	s.replaceArmed(next, left)
	s.readJobs(next)
	return groupsChanged
}

// goneMarks are the marks of the last run without a row. Until the broker has said so,
// nobody knows that their schedules are gone: a snapshot can be older than they are.
func (s *Service) goneMarks(rows map[string]string) map[string]mark {
	left := map[string]mark{}
	if s.schedules.isFresh() {
		return left
	}
	for key, m := range s.marks {
		if rows[key] == "" {
			left[key] = m
		}
	}
	return left
}

func (s *Service) markOf(key string) (m mark, ok bool) {
	if a := s.armed[key]; a != nil {
		return a.mark, true
	}
	m, ok = s.marks[key]
	return m, ok
}

// arm returns nil for a schedule that this host does not fire; it waits if that may
// only be so because the groups are not known.
func (s *Service) arm(key, row string, groups []string, now moment) (a *armed, waits bool) {
	a = s.armed[key]
	if a != nil && a.row == row && a.sched.AppliesTo(s.cfg.PCID, groups) {
		return a, false
	}
	sched, err := wire.DecodeSchedule([]byte(row))
	if err != nil || !sched.AppliesTo(s.cfg.PCID, groups) {
		s.told.tell("schedule", key, "")
		return nil, err == nil && groups == nil && sched.AppliesTo(s.cfg.PCID, sched.Target.Groups) // rows in force can be read
	}
	if a != nil && a.sched.Cron == sched.Cron {
		a.row, a.sched = row, sched
		return a, false
	}
	return s.armAnew(key, row, sched, now), false
}

func (s *Service) armAnew(key, row string, sched wire.Schedule, now moment) *armed {
	expression, err := cron.Parse(sched.Cron)
	if err != nil {
		s.told.tell("schedule", key, err.Error())
		return nil
	}
	fresh := &armed{key: key, row: row, sched: sched, cron: expression}
	fresh.mark = mark{Cron: sched.Cron, At: now.wall, From: now.wall, Counted: now.counted, Armed: now.counted, Since: now.counted}
	if last, ok := s.marks[key]; ok && last.Cron == sched.Cron {
		fresh.mark, fresh.resumed = last, true
	}
	problem := ""
	if _, ok := expression.Next(time.Time{}); !ok {
		problem = "its time never comes"
	}
	s.told.tell("schedule", key, problem)
	if _, ok := expression.Next(fresh.mark.At); !ok {
		return nil // or it does not come any more
	}
	return fresh
}

func (s *Service) replaceArmed(next map[string]*armed, left map[string]mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !maps.Equal(s.marks, left) || !maps.Equal(s.armed, next) {
		s.dirty = true
	}
	s.armed, s.marks = next, left
	var ids []string
	for _, a := range next {
		if wire.KeySafe(a.sched.JobID) == nil {
			ids = append(ids, a.sched.JobID)
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > 0 && !slices.Equal(ids, s.jobIDs) {
		s.jobIDs = ids
		close(s.jobIDsChanged)
		s.jobIDsChanged = make(chan struct{})
	}
}

// readJobs keeps the jobs that are in force and named by a schedule.
func (s *Service) readJobs(next map[string]*armed) {
	rows, _ := s.jobs.current()
	manifests := make(map[string]wire.Manifest)
	for _, a := range next {
		row, ok := rows[a.sched.JobID]
		if !ok {
			continue
		}
		if m, err := wire.DecodeManifest([]byte(row)); err == nil {
			manifests[a.sched.JobID] = m
		}
	}
	s.mu.Lock()
	before := wantedObjects(s.manifests)
	s.manifests, s.rearmed = manifests, true
	s.mu.Unlock()
	if after := wantedObjects(manifests); !slices.Equal(before, after) {
		signal(s.objectsWake)
	}
}

// wantedObjects are the script objects that jobs need, in order.
func wantedObjects(manifests map[string]wire.Manifest) []string {
	var all []string
	for _, m := range manifests {
		if m.Execute.Script == "" && m.Execute.ScriptObject != "" {
			all = append(all, m.Execute.ScriptObject)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
