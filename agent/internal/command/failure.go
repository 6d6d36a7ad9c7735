package command

import "time"

// Failure says why the ledger could not be written when that was last tried. The
// zero value: it could.
type Failure struct {
	Err   error
	Since time.Time // of the first of a row
}

func (f *Failure) note(err error) {
	if f.Err == nil {
		f.Since = time.Now()
	}
	f.Err = err
}

// Failure may be called at any time. It tries nothing.
func (l *Ledger) Failure() Failure {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	return l.journal.failure
}

// Blocked says that commands wait because their start or the room for their
// result could not be stored when that was last tried.
func (s *Service) Blocked() bool { return s.perform.blocked.Load() }
