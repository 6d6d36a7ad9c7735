package schedule

import (
	"maps"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// flushAfter is how long changes wait that nobody depends on.
	flushAfter = time.Second
	// passedAfter is how long it waits what was passed over: after a crash it is
	// looked at once more, and passed over again unless its cooldown has ended.
	passedAfter = 10 * time.Minute
	// holdTime is how long nothing fires after the disk failed.
	holdTime = 30 * time.Second
)

// flush writes what is not on disk yet, when it is time for it.
func (s *Service) flush(now time.Time, force bool) {
	s.notePassed(now, force)
	if !s.unsaved() {
		s.flushAt = time.Time{}
		return
	}
	if s.flushAt.IsZero() {
		s.flushAt = now.Add(flushAfter)
	}
	if !force && now.Before(s.flushAt) {
		return
	}
	s.flushAt = time.Time{}
	if !s.saveAll() {
		s.flushAt = now.Add(holdTime)
	}
}

// notePassed makes news of what need not be on disk at once: at the end also what time
// it is, for the next start compares.
func (s *Service) notePassed(now time.Time, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := !s.passed.IsZero() && now.Sub(s.passed) >= passedAfter
	s.dirty = s.dirty || late || end && len(s.armed) > 0
}

func (s *Service) unsaved() bool {
	s.mu.Lock()
	dirty := s.dirty
	s.mu.Unlock()
	return dirty && s.stateRead.Load() || s.schedules.unsaved() || s.jobs.unsaved() || s.done.unsaved()
}

func (s *Service) saveAll() bool {
	s.pruneDone()
	now, all := s.now().wall, true
	for _, file := range []struct {
		name string
		save func() error
	}{
		{CompletionsFile, s.done.save},
		{stateName, s.saveState},
		{s.schedules.bucket, func() error { return s.schedules.save(now) }},
		{s.jobs.bucket, func() error { return s.jobs.save(now) }},
	} {
		err := file.save()
		if all = all && err == nil; err != nil || file.name != stateName || s.stateRead.Load() {
			s.told.failFile(file.name, err, "it is tried again")
		}
	}
	return all
}

// pruneDone needs to know which schedules there are: only a fresh view says that.
func (s *Service) pruneDone() {
	if !s.schedules.isFresh() {
		return
	}
	rows, _ := s.schedules.current()
	ids := make(map[string]bool, len(rows))
	for _, row := range rows {
		if sched, err := wire.DecodeSchedule([]byte(row)); err == nil {
			ids[sched.ID] = true
		}
	}
	s.done.prune(s.now().wall, ids)
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.doneAt, func(key string, at stamp) bool {
		last, done := s.done.get(key)
		return !done || !last.Equal(at.Wall)
	})
}
