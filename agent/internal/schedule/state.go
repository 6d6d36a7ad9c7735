package schedule

import (
	"maps"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// stateName names the file of what is between two runs: how far each schedule has
// come, what is in flight, and the digests of script objects.
const stateName = "state"

// mark is how far a schedule has come.
type mark struct {
	// Cron is the expression that At belongs to.
	Cron string `json:"cron"`
	// At: everything up to it has fired or was passed over.
	At time.Time `json:"at"`
	// Restarts counts how often the schedule started over because the clock was
	// set back: its times come again, and are others to the command path.
	Restarts uint64 `json:"restarts,omitempty"`
}

// flight is a run that was handed over, or is about to be.
type flight struct {
	Key        string    `json:"schedule"` // of the bucket
	Completion string    `json:"completion"`
	Object     string    `json:"object,omitempty"`
	Due        time.Time `json:"due"`
	// Once: it is recorded at once when it succeeds.
	Once bool `json:"once,omitempty"`

	data   []byte // the command, until it was taken
	again  time.Time
	tries  int
	handed bool // by this run of the agent
}

type stateFile struct {
	Marks   map[string]mark   `json:"marks"`
	Flights map[string]flight `json:"flights"`
	Digests map[string]string `json:"digests"`
}

func (s *Service) loadState() {
	var file stateFile
	found, err := s.store.load(stateName, &file)
	if err != nil {
		s.told.warn("file", stateName, err.Error()+"; what was missed meanwhile is not made up for")
	}
	if !found {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.marks, file.Marks)
	maps.Copy(s.runs, file.Flights)
	maps.Copy(s.digest, file.Digests)
}

// saveState writes the state if there is something new.
func (s *Service) saveState() error {
	file, dirty := s.takeState()
	if !dirty {
		return nil
	}
	err := s.store.save(stateName, file)
	if err != nil {
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
	}
	return err
}

func (s *Service) takeState() (stateFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirty := s.dirty
	s.dirty = false
	file := stateFile{Marks: make(map[string]mark), Flights: maps.Clone(s.runs), Digests: maps.Clone(s.digest)}
	maps.Copy(file.Marks, s.marks)
	for key, a := range s.armed {
		file.Marks[key] = a.mark
	}
	return file, dirty
}

const (
	// flushAfter is how long changes wait that nobody depends on.
	flushAfter = time.Second
	// holdTime is how long nothing fires after the disk failed.
	holdTime = 30 * time.Second
)

// flush writes what is not on disk yet, when it is time for it.
func (s *Service) flush(now time.Time, force bool) {
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

func (s *Service) unsaved() bool {
	s.mu.Lock()
	dirty := s.dirty
	s.mu.Unlock()
	return dirty || s.schedules.unsaved() || s.jobs.unsaved() || s.done.unsaved()
}

func (s *Service) saveAll() bool {
	s.pruneDone()
	now := s.cfg.Now()
	problem := ""
	for _, save := range []func() error{
		s.done.save, s.saveState,
		func() error { return s.schedules.save(now) }, func() error { return s.jobs.save(now) },
	} {
		if err := save(); err != nil {
			problem = err.Error() + "; it is tried again"
		}
	}
	s.told.tell("disk", "", problem)
	return problem == ""
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
	s.done.prune(s.cfg.Now(), ids)
}
