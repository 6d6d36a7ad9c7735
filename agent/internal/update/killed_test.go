//go:build unix

package update

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// life is an update of which any process may be killed; the next one goes on.
type life struct {
	steps []step
	last  string // what is there at its end
}

// promise is that of a process which has come so far.
func (l life) promise(reached progress) faultfs.Promise {
	return faultfs.Promise{Of: fmt.Sprint("again ", reached), Check: func(found *faultfs.FS) error {
		return errors.Join(l.noneWithoutPlan(found), checkFound(installOn(found, replaceAtOnce), reached, l.last))
	}}
}

// noneWithoutPlan: a bad release that nobody watches would crash for ever.
func (l life) noneWithoutPlan(found *faultfs.FS) error {
	i := installOn(found, replaceAtOnce)
	if r, err := i.load(); err != nil || l.last == "new" || r.Plan != nil || content(found, exe) != "new" {
		return err
	}
	return errors.New("the bad release is there without a plan")
}

// startedAgain is the process after one that was killed, and the ones after it that
// the service manager starts: they count themselves and go on with the update.
func (l life) startedAgain(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	i := installOn(m, replaceAtOnce)
	reached, err := l.starts(i)
	if err != nil {
		return err
	}
	if err := check(l.promise(reached)); err != nil {
		return fmt.Errorf("started again: %w", err)
	}
	for _, s := range l.stepsAfter(reached) {
		if err := s.do(i); err != nil {
			return err
		}
		if err := check(l.promise(s.then)); err != nil {
			return fmt.Errorf("gone on to %d: %w", s.then, err)
		}
	}
	return nil
}

// starts is every start until one goes on.
func (l life) starts(i Install) (progress, error) {
	err := i.CountStart(now)
	for n := 0; n < maxStarts && errors.Is(err, ErrRestart); n++ {
		err = i.CountStart(now)
	}
	if err != nil {
		return begun, err
	}
	r, err := i.load()
	switch {
	case err != nil:
		return begun, err
	case r.Plan != nil:
		return counted, nil
	case content(i.FS, exe) == "new", len(r.Tried) > 0 && r.Tried[0].Never:
		return ended, nil
	}
	return begun, nil
}

func (l life) stepsAfter(reached progress) []step {
	for n, s := range l.steps {
		if s.then > reached {
			if reached == begun {
				n = 0 // what is staged may be half of it
			}
			return l.steps[n:]
		}
	}
	return nil
}

// The process is killed, or the power cut, at every step of an update that works, and
// of one that is taken back.
func TestUpdatesOfKilledProcessesSurviveLostPower(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]life{"good": {goodUpdate, "new"}, "resumed": {resumed, "new"}, "bad": {badUpdate, "old"}} {
		suite := updateSuite(faultfs.POSIX, replaceAtOnce, l.steps, l.last)
		first := suite.Scenario
		suite.Scenario = func(m *faultfs.Mutant) (faultfs.Promise, error) {
			p, err := first(m)
			check := p.Check
			p.Check = func(found *faultfs.FS) error { return errors.Join(l.noneWithoutPlan(found), check(found)) }
			p.Restart = func(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
				if !strings.HasPrefix(p.Of, "true") {
					return nil // there was no agent yet
				}
				return l.startedAgain(m, check)
			}
			return p, err
		}
		require.NoError(t, suite.Prove(), name)
	}
}
