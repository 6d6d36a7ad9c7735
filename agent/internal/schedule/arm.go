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
	// answered is the version that was refused with a result of its own.
	answered string
}

// rearm brings the schedules up to the rows and groups that are in force. Those
// that did not change keep where they are.
func (s *Service) rearm(now time.Time) (groupsChanged <-chan struct{}) {
	groups, groupsChanged := s.cfg.Groups()
	rows, known := s.schedules.current()
	if !known {
		return groupsChanged
	}
	next := make(map[string]*armed, len(rows))
	for key, row := range rows {
		if a := s.arm(key, row, groups, now); a != nil {
			next[key] = a
		}
	}
	s.told.retain("schedule", func(key string) bool { return rows[key] != "" })
	s.told.retain("job of schedule", func(key string) bool { return next[key] != nil })
	s.replaceArmed(next)
	s.readJobs(next)
	return groupsChanged
}

// arm returns nil for a schedule that this host does not fire.
func (s *Service) arm(key, row string, groups []string, now time.Time) *armed {
	a := s.armed[key]
	if a != nil && a.row == row && a.sched.AppliesTo(s.cfg.PCID, groups) {
		return a
	}
	sched, err := wire.DecodeSchedule([]byte(row))
	if err != nil || !sched.AppliesTo(s.cfg.PCID, groups) {
		s.told.tell("schedule", key, "")
		return nil // rows in force can be read
	}
	if a != nil && a.sched.Cron == sched.Cron {
		a.row, a.sched = row, sched
		return a
	}
	expression, err := cron.Parse(sched.Cron)
	if err != nil {
		s.told.tell("schedule", key, err.Error())
		return nil
	}
	fresh := &armed{key: key, row: row, sched: sched, cron: expression, mark: mark{Cron: sched.Cron, At: now}}
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

func (s *Service) replaceArmed(next map[string]*armed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.marks) > 0 || !maps.Equal(s.armed, next) {
		s.dirty = true
	}
	s.armed = next
	clear(s.marks)
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
