package command

import (
	"context"
	"slices"
	"sync"
)

// slots hands out slots in the order in which they were asked for. Whoever waits
// holds up nobody by giving up.
type slots struct {
	mu    sync.Mutex
	all   int
	taken int // more than all after a shrink, until enough have been given back
	line  []chan struct{}
}

func newSlots(n int) *slots { return &slots{all: n} }

// resize changes how many there are. Nobody loses a slot by it.
func (s *slots) resize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = n
	s.serve()
}

// size is how many there are.
func (s *slots) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// take waits for a slot; false: ctx has ended.
func (s *slots) take(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	turn := s.ask()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
		s.leave(turn)
		return false
	}
}

// tryTake takes a slot if nobody has to wait for one.
func (s *slots) tryTake() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.all {
		return false
	}
	s.taken++
	return true
}

// giveBack gives back a slot that was taken.
func (s *slots) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	s.serve()
}

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
	s.taken--
	s.serve()
}

func (s *slots) serve() {
	for s.taken < s.all && len(s.line) > 0 {
		close(s.line[0])
		s.line = slices.Delete(s.line, 0, 1)
		s.taken++
	}
}
