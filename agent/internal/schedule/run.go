package schedule

import (
	"context"
	"maps"
	"slices"
	"time"
)

// maxNap bounds how long a clock that was set goes unnoticed.
const maxNap = 10 * time.Second

// run fires what is due until ctx ends.
func (s *Service) run(ctx context.Context) error {
	defer func() { s.flush(time.Now(), true) }()
	now := s.now()
	s.began, s.since = time.Now(), now.wall
	groupsChanged := s.rearm(now)
	for {
		if s.stale.Swap(false) {
			groupsChanged = s.rearm(s.now())
		}
		s.work(ctx)
		timer := time.NewTimer(s.nap())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.wake:
		case <-groupsChanged:
			s.stale.Store(true)
		}
		timer.Stop()
	}
}

// countLost is the least that matters of the count, where a crash loses it.
const countLost = time.Minute

// now is the time. That the host's clock was set is news for the disk. As long as it
// is set back the count on disk must not fall behind it, or a start after a crash
// takes the clock for right: so it is news again before half of that time has passed.
func (s *Service) now() moment {
	m, set := s.clock.look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if set || m.behind() >= countLost && time.Since(s.noted) >= min(m.behind()/2, time.Hour) {
		s.dirty, s.noted = true, time.Now()
	}
	return m
}

// work does what is to be done now.
func (s *Service) work(ctx context.Context) {
	ready := s.loadState()
	if ready = s.loadDone() && ready; ready && !s.stale.Load() && !time.Now().Before(s.holdUntil) {
		s.settleLastRun()
		s.fireAll(ctx)
		s.repeat(ctx)
	}
	s.flush(time.Now(), false)
}

// shot is a fire on its way to the disk.
type shot struct {
	id     string
	of     *armed
	before armed
}

// fireAll records what is to fire, all with one write, and hands it over.
func (s *Service) fireAll(ctx context.Context) {
	now := s.now()
	busy := s.busy()
	var shots []shot
	for _, key := range slices.Sorted(maps.Keys(s.armed)) {
		a := s.armed[key]
		if !s.look(a, now, busy[key] || busy[""]) {
			continue
		}
		before := *a
		if id, f, ok := s.fire(a, now); ok {
			s.enter(id, f)
			shots = append(shots, shot{id: id, of: a, before: before})
		}
	}
	if len(shots) == 0 {
		return
	}
	if err := s.saveState(); err != nil {
		s.withdraw(shots, err)
		return
	}
	s.told.tell("file", stateName, "")
	for _, x := range shots {
		s.counters.fired.Add(1)
		s.handOver(ctx, x.id)
	}
}

// withdraw takes back what could not be recorded; it is tried again in a while.
func (s *Service) withdraw(shots []shot, err error) {
	s.holdUntil = time.Now().Add(holdTime)
	s.told.failFile(stateName, err, "nothing fires until it can be written")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range shots {
		delete(s.runs, x.id)
		*x.of = x.before
	}
}

// nap is how long nothing can happen by itself.
func (s *Service) nap() time.Duration {
	now, own := s.now(), time.Now()
	next := s.lookAhead(now.wall)
	nap := time.Hour
	if len(s.armed) > 0 {
		nap = maxNap
	}
	if !s.flushAt.IsZero() {
		nap = min(nap, s.flushAt.Sub(own))
	}
	if hold := s.holdUntil.Sub(own); hold > 0 || !s.loaded.Load() || !s.stateRead.Load() {
		return max(min(nap, max(hold, maxNap)), time.Millisecond)
	}
	if !next.IsZero() {
		nap = min(nap, wait(next.Sub(now.wall)))
	}
	if again, ok := s.nextRepeat(); ok {
		nap = min(nap, wait(again.Sub(own)))
	}
	return max(nap, time.Millisecond)
}

// lookAhead finds out when the next schedule is due, for Status too; zero: never.
func (s *Service) lookAhead(now time.Time) (next time.Time) {
	for _, a := range s.armed {
		if at, ok := a.nextLook(now); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
	return next
}

// wait is a second for what should be there already, and is not.
func wait(d time.Duration) time.Duration {
	if d <= 0 {
		return time.Second
	}
	return d
}
