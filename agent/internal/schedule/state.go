package schedule

import (
	"maps"
	"time"
)

// stateName names the file of what is between two runs: how far each schedule has
// come, what is in flight, and the digests of script objects.
const stateName = "state"

// mark is how far a schedule has come.
type mark struct {
	// Cron is the expression that At belongs to.
	Cron string `json:"cron"`
	// At: every time up to it has fired or was passed over, or came before the
	// schedule.
	At time.Time `json:"at"`
	// Counted is when At was left behind, by the count of [clock].
	Counted time.Time `json:"counted"`
	// Armed is when the schedule began, by the same count.
	Armed time.Time `json:"armed"`
	// Since is Armed, or when the schedule started over because the clock was set
	// back: its times come again, and are others to the command path.
	Since time.Time `json:"since"`
	// From is where At began, at Since.
	From time.Time `json:"from"`
	// Past is where the schedule has been before the last times it started over.
	Past span `json:"past,omitzero"`
	// Answered is the refusal that there was a result for; empty: none.
	Answered string `json:"answered,omitempty"`
}

// span is the time after From, up to and including To.
type span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (s span) has(at time.Time) bool { return at.After(s.From) && !at.After(s.To) }

// with is the least span that has both.
func (s span) with(other span) span {
	if s.From.Equal(s.To) {
		return other
	}
	if other.From.Before(s.From) {
		s.From = other.From
	}
	if other.To.After(s.To) {
		s.To = other.To
	}
	return s
}

// startOver begins at a time again.
func (m *mark) startOver(now moment) {
	m.Past = m.Past.with(span{m.From, m.At})
	m.At, m.From, m.Since = now.wall, now.wall, now.counted
}

// flight is a run that was handed over, or is about to be.
type flight struct {
	// Key is that of the bucket; empty: nobody knows whose run it is.
	Key        string    `json:"schedule"`
	Completion string    `json:"completion"`
	Object     string    `json:"object,omitempty"`
	Due        time.Time `json:"due"`
	// Once: it is recorded at once when it succeeds.
	Once bool `json:"once,omitempty"`
	// Before is where the schedule stood.
	Before mark `json:"before"`

	data   []byte // the command, until it was taken
	again  time.Time
	tries  int
	handed bool // by this run of the agent
}

type stateFile struct {
	Clock   stamp             `json:"clock"`
	Marks   map[string]mark   `json:"marks"`
	Flights map[string]flight `json:"flights"`
	Digests map[string]string `json:"digests"`
	// Done is when what was done was done, where that is not what its completion
	// says.
	Done map[string]stamp `json:"done,omitempty"`
}

// saveState writes the state if there is something new.
func (s *Service) saveState() error {
	if !s.stateRead.Load() {
		return nil // nor is there anything that depends on it
	}
	file, dirty := s.takeState()
	if !dirty {
		return nil
	}
	err := s.state.save(file)
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
	s.dirty, s.passed = false, time.Time{}
	file := stateFile{
		Clock: s.clock.stamp(),
		Marks: make(map[string]mark), Flights: maps.Clone(s.runs), Digests: maps.Clone(s.digest), Done: maps.Clone(s.doneAt),
	}
	maps.Copy(file.Marks, s.marks)
	for key, a := range s.armed {
		file.Marks[key] = a.mark
	}
	return file, dirty
}
