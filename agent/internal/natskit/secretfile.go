package natskit

import (
	"log/slog"
	"sync"
)

// secretFiles warns once about each file with a secret that others can read or
// change.
type secretFiles struct {
	log  *slog.Logger
	mu   sync.Mutex
	told map[string]bool
}

func (s *secretFiles) check(files ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range files {
		if file == "" || s.told[file] {
			continue
		}
		if why := exposed(file); why != "" {
			if s.told == nil {
				s.told = make(map[string]bool)
			}
			s.told[file] = true
			s.log.Warn("a file with a secret is open to others; restrict it to the account of this agent", "file", file, "access", why)
		}
	}
}
