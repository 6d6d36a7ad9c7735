package outbox

import (
	"sync"
	"time"
)

// dirSync lets writers that arrive together share one sync of the folder. Each
// of them has created its file before it calls do; a sync covers all who came
// before it began. While one is running the next round gathers, and the first
// to come leads it. The writers do all the work themselves.
//
// A writer that is alone never waits for others. While several are at work, a
// round gathers for up to the time of ten syncs, but no longer than until as
// many have come as were at work before: in a crowd a sync of the folder costs
// each of them little more than its share, on a quick disk and on a slow one.
type dirSync struct {
	sync func() error

	disk sync.Mutex // held during a sync, and during exclusively

	mu        sync.Mutex
	running   *round
	gathering *round
	writers   int       // between enter and leave
	crowd     int       // the most of them since the last round began, or a little less than before that
	ended     time.Time // the last round
	took      time.Duration
}

const (
	gatherSyncs = 10
	minGather   = 10 * time.Millisecond
	maxGather   = 50 * time.Millisecond
)

type round struct {
	done    chan struct{}
	err     error // readable once done is closed
	members int
	full    chan struct{} // closed when nobody else is expected
	left    bool          // full is closed
}

// enter says that a writer is at work which will call do, and leave in any case.
func (s *dirSync) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers++
	s.crowd = max(s.crowd, s.writers)
}

func (s *dirSync) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writers--
	s.checkFullLocked(s.gathering)
}

func (s *dirSync) do() error {
	r, before, leader := s.join()
	if !leader {
		<-r.done
		return r.err
	}
	if before != nil {
		<-before.done
	}
	s.gather(r)
	s.begin(r)
	began := time.Now()
	r.err = s.exclusively(s.sync)
	s.end(r, time.Since(began))
	return r.err
}

func (s *dirSync) join() (r, before *round, leader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	leader = s.gathering == nil
	if leader {
		s.gathering = &round{done: make(chan struct{}), full: make(chan struct{})}
	}
	r = s.gathering
	r.members++
	s.checkFullLocked(r)
	return r, s.running, leader
}

func (s *dirSync) checkFullLocked(r *round) {
	if r != nil && !r.left && r.members >= max(s.crowd, s.writers) {
		r.left = true
		close(r.full)
	}
}

// gather waits for the rest of the crowd, if there was one a moment ago.
func (s *dirSync) gather(r *round) {
	wait := s.patience()
	if wait == 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.full:
	case <-timer.C:
	}
}

func (s *dirSync) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := min(max(gatherSyncs*s.took, minGather), maxGather)
	if s.crowd <= 1 || time.Since(s.ended) > 2*wait {
		return 0
	}
	return wait
}

func (s *dirSync) begin(r *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering, s.running = nil, r
	s.crowd = max(s.writers, s.crowd-1)
}

func (s *dirSync) end(r *round, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	s.ended, s.took = time.Now(), took
	close(r.done)
}

// exclusively runs do while no sync of the folder is under way.
func (s *dirSync) exclusively(do func() error) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return do()
}
