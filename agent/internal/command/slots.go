package command

import (
	"slices"
	"sync"
)

// slots hands out a fixed number of slots in the order in which they were asked
// for. Whoever waits holds up nobody by giving up.
type slots struct {
	all  int
	mu   sync.Mutex
	free int
	line []chan struct{}
}

func newSlots(n int) *slots { return &slots{all: n, free: n} }

// ask joins the line. The turn it returns is closed once there is a slot.
func (s *slots) ask() (turn chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn = make(chan struct{})
	s.line = append(s.line, turn)
	s.serve()
	return turn
}

// leave gives back the slot of a turn, or its place in the line. It is called
// once for each turn.
func (s *slots) leave(turn chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.line, turn); i >= 0 {
		s.line = slices.Delete(s.line, i, i+1)
		return
	}
	s.free++
	s.serve()
}

func (s *slots) serve() {
	for s.free > 0 && len(s.line) > 0 {
		close(s.line[0])
		s.line = slices.Delete(s.line, 0, 1)
		s.free--
	}
}
