package scripts

import (
	"slices"
	"sync"
)

// shelfBytes bounds what is kept in memory because it cannot be kept on disk: four scripts of the largest size.
const shelfBytes = 4 * MaxScript

// shelf holds scripts in memory; those that came first go first.
type shelf struct {
	mu      sync.Mutex
	scripts map[string]string // by digest
	order   []string
	bytes   int
}

func (s *shelf) get(digest string) (script string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	script, ok = s.scripts[digest]
	return script, ok
}

func (s *shelf) put(digest, script string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(digest)
	for len(s.order) > 0 && s.bytes+len(script) > shelfBytes {
		s.drop(s.order[0])
	}
	s.scripts[digest] = script
	s.order = append(s.order, digest)
	s.bytes += len(script)
}

// remove is for a script that is on disk now.
func (s *shelf) remove(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(digest)
}

// drop is called with the lock held.
func (s *shelf) drop(digest string) {
	script, ok := s.scripts[digest]
	if !ok {
		return
	}
	delete(s.scripts, digest)
	s.order = slices.DeleteFunc(s.order, func(d string) bool { return d == digest })
	s.bytes -= len(script)
}
