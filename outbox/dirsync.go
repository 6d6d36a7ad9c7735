package outbox

import "sync"

// dirSync lets writers that arrive together share one sync of the folder. Each
// of them has created its file before it calls do; a sync covers all who came
// before it began. While one is running the next round gathers, and the first
// to come leads it. The writers do all the work themselves.
type dirSync struct {
	sync func() error

	disk sync.Mutex // held during a sync, and during exclusively

	mu        sync.Mutex
	running   *round
	gathering *round
}

type round struct {
	done chan struct{}
	err  error // readable once done is closed
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
	s.begin(r)
	r.err = s.exclusively(s.sync)
	s.end(r)
	return r.err
}

func (s *dirSync) join() (r, before *round, leader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gathering != nil {
		return s.gathering, nil, false
	}
	s.gathering = &round{done: make(chan struct{})}
	return s.gathering, s.running, true
}

func (s *dirSync) begin(r *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathering, s.running = nil, r
}

func (s *dirSync) end(r *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	close(r.done)
}

// exclusively runs do while no sync of the folder is under way.
func (s *dirSync) exclusively(do func() error) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return do()
}
