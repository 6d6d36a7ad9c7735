package schedule

import (
	"errors"
	"maps"

	"github.com/kanade-go/kanade/agent/internal/statefile"
)

// againLater says what becomes of a file that cannot be read.
var againLater = "it is read again, and set aside after " + statefile.ReadAgainFor.String()

// loadState reports whether it is known what the last run had in flight.
func (s *Service) loadState() bool {
	if s.stateRead.Load() {
		return true
	}
	var file stateFile
	_, err := s.state.load(&file)
	if errors.Is(err, statefile.ErrUnreadable) {
		s.told.failFile(stateName, err, "nothing fires until it can be read; "+againLater)
		return false
	}
	s.told.tell("file", stateName, "")
	if err != nil {
		s.told.warn("state", "", err.Error()+"; what was missed meanwhile is not made up for")
		s.adopt()
	}
	s.takeOver(file)
	return true
}

func (s *Service) takeOver(file stateFile) {
	s.clock.resume(file.Clock)
	s.mu.Lock()
	maps.Copy(s.marks, file.Marks)
	maps.Copy(s.runs, file.Flights)
	maps.Copy(s.doneAt, file.Done)
	newer := s.digest
	s.digest = maps.Clone(file.Digests)
	if s.digest == nil {
		s.digest = map[string]string{}
	}
	maps.Copy(s.digest, newer)
	early := s.early
	s.early = nil
	s.stateRead.Store(true)
	s.mu.Unlock()
	for id, end := range early {
		s.finish(id, 0, end)
	}
	s.refresh()
}

// adopt waits for the runs of which only the command path knows: nothing starts
// beside them.
func (s *Service) adopt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.cfg.Owed() {
		s.runs[id] = flight{handed: true}
	}
}
