package schedule

import (
	"time"
)

// Status is a snapshot of the scheduler.
type Status struct {
	// Known: the schedules are those of some time.
	Known bool
	// Stale is since when the broker may know better; zero: fresh.
	Stale time.Time
	// Armed schedules are for this host; Running ones have a run in flight.
	Armed, Running int
	// Next is when the next of them is due, jitter included, by the host's clock;
	// zero: never. A once-per-pc schedule that is done is looked at and passed over.
	Next time.Time
	// Since the start of the process: handed over; ended with exit code 0, or with
	// another; passed over because a run was in flight; lost while the agent did
	// not run; passed over for another reason.
	Fired, Succeeded, Failed, Overlapped, Missed, Passed uint64
	// Problems that last, 16 of them at most.
	Problems []string
}

// Status may be called at any time.
func (s *Service) Status() Status {
	known, stale := s.schedules.state()
	c := &s.counters
	st := Status{
		Known: known, Stale: stale, Problems: s.told.all(),
		Fired: c.fired.Load(), Succeeded: c.succeeded.Load(), Failed: c.failed.Load(),
		Overlapped: c.overlapped.Load(), Missed: c.missed.Load(), Passed: c.passed.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Armed, st.Running, st.Next = len(s.armed), len(s.runs), s.next
	return st
}
