package schedule

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// known is what a process knows of one run, and acts on.
type known struct{ inFlight, done bool }

func loadedFrom(disk atomicfile.FS) *Service {
	s := New(Config{
		PCID: "PC-1", Dir: "/state/schedule", Completions: "/state/" + CompletionsFile, FS: disk, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler), Pending: func(string) bool { return true },
	})
	s.Load()
	return s
}

func knownTo(s *Service) known {
	_, inFlight := s.runs["id"]
	_, done := s.done.get("s::j")
	return known{inFlight, done}
}

// promise says that no later process knows less.
func (k known) promise() faultfs.Promise {
	return faultfs.Promise{Of: fmt.Sprint(k), Restart: restarted, Check: func(found *faultfs.FS) error {
		later := knownTo(loadedFrom(found))
		if k.done && !later.done || k.inFlight && !later.inFlight && !later.done {
			return fmt.Errorf("%+v was known, and later %+v", k, later)
		}
		return nil
	}}
}

// fires is a run up to its hand-over.
func fires(s *Service) error {
	s.enter("id", flight{Key: "s", Completion: "s::j", Once: true, Due: time.Now()})
	return s.saveState()
}

// ends is the end of the run, and what is written a little later.
func ends(s *Service) error {
	s.Finished("id", 0)
	if s.done.unsaved() {
		return errors.New("it was not written")
	}
	return s.saveState()
}

// restarted is the process after one that was killed. What it loads keeps a job from
// being done again, so it must not go with the power.
func restarted(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	if err := stateFolder(m.FS); err != nil {
		return err
	}
	s := loadedFrom(m)
	if err := check(knownTo(s).promise()); err != nil {
		return fmt.Errorf("loaded: %w", err)
	}
	if knownTo(s).done {
		return nil
	}
	return errors.Join(fires(s), check(known{inFlight: true}.promise()), ends(s), check(known{done: true}.promise()))
}

// stateFolder is package statedir's affair.
func stateFolder(disk atomicfile.FS) error {
	return errors.Join(disk.MkdirAll("/state", 0o700), disk.SyncDir("/"))
}

// The process is killed, or the power cut, at every step of a run, of the start after
// its hand-over and of the one after its end.
func TestARunSurvivesAKillAndLostPower(t *testing.T) {
	t.Parallel()
	suite(t, func(m *faultfs.Mutant) (faultfs.Promise, error) {
		err := stateFolder(m.FS)
		var told known
		for _, part := range []struct {
			do   func(*Service) error
			then known
		}{{fires, known{inFlight: true}}, {ends, known{done: true}}, {(*Service).saveState, known{done: true}}} {
			if err != nil {
				break
			}
			if err = part.do(loadedFrom(m)); err == nil {
				err = m.Do("told", func() error { told = part.then; return nil })
			}
		}
		if m.Cut() {
			err = nil
		}
		return told.promise(), err
	})
}
