package update

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// startedBy is the installation as a process sees it that a service manager has
// started, or has not.
func (i Install) startedBy(manager bool) Install {
	i.managed = func() bool { return manager }
	return i
}

// A service whose release is on probation, and somebody who starts the program by
// hand beside it, or instead of it.
func TestStartsByHandDoNotCount(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(time.Hour)}, func(t *testing.T, i Install, o *onTrial) {
		i = i.startedBy(true)
		r, err := i.load()
		require.NoError(t, err)
		r.Plan.Managed = true
		require.NoError(t, i.save(r))
		for range maxStarts {
			require.NoError(t, i.CountStart(time.Now()))
		}
		hand := i.startedBy(false)
		for range 3 * maxStarts {
			require.NoError(t, hand.CountStart(time.Now()), "one that ends at once, for want of a configuration say")
		}
		require.Equal(t, "new", says(t, i.Path))
		require.NoError(t, o.start(hand, 3*time.Minute, nil))
		r, err = i.load()
		require.NoError(t, err)
		require.Equal(t, maxStarts, r.Plan.Starts, "nor does its orderly end")
		require.ErrorIs(t, i.CountStart(time.Now()), ErrRestart)
		require.Equal(t, "old", says(t, i.Path), "those of the service do")
	})
}

// Where no service manager is known every start counts: nobody else would end a
// release that ends at once.
func TestStartsCountWhereNoManagerIsKnown(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t).startedBy(false)
	for range maxStarts {
		require.NoError(t, i.CountStart(now))
	}
	require.ErrorIs(t, i.CountStart(now), ErrRestart)
}

func TestThePlanSaysWhetherThereIsAManager(t *testing.T) {
	t.Parallel()
	for _, managed := range []bool{true, false} {
		s, fake := aims(t, func(c *Config) { c.Install = c.Install.startedBy(managed) })
		upload(t, fake, "2-linux-x86_64", release)
		require.NoError(t, s.prepare(t.Context(), "2", false))
		r, err := s.cfg.Install.load()
		require.NoError(t, err)
		require.Equal(t, managed, r.Plan.Managed)
	}
}

// Only who has counted takes it back.
func TestOnlyAStartThatWasCountedIsTakenBack(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	require.NoError(t, i.CountStart(now))
	for range 3 {
		require.NoError(t, i.UncountStart())
	}
	r, err := i.load()
	require.NoError(t, err)
	require.Zero(t, r.Plan.Starts)
	r.Plan.Starts = 2
	require.NoError(t, i.save(r))
	require.NoError(t, i.UncountStart())
	r, err = i.load()
	require.NoError(t, err)
	require.Equal(t, 2, r.Plan.Starts)
}

// A release that is to be taken back, and could not be, does not become the last good
// one by the next update.
func TestAReleaseThatIsToBeTakenBackIsNotKept(t *testing.T) {
	onProbation(t, onTrial{health: always[error](nil)}, func(t *testing.T, i Install, o *onTrial) {
		require.NoError(t, i.CountStart(time.Now()))
		r, err := i.load()
		require.NoError(t, err)
		r.Plan.Phase, r.Plan.Reason = phaseRollback, "for a test"
		require.NoError(t, i.save(r))
		held := i
		held.swap = func(Install, string) error { return errBusy }
		require.ErrorIs(t, held.CountStart(time.Now()), errBusy)

		s := o.service(i)
		require.NoError(t, s.Run(t.Context()))
		require.Error(t, <-s.Due())
		require.GreaterOrEqual(t, time.Since(o.began), 10*time.Minute, "not in a loop of restarts")
		require.ErrorIs(t, s.Finish(errDue), ErrRestart)
		require.Equal(t, "old", says(t, i.Path))
		require.Empty(t, o.verdict)
	})
}

// What a start could not write down, on a full disk say, is settled as soon as it can
// be: an operator who asks reads no plan that is over.
func TestAPlanThatIsOverIsSettledByTheAgent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ executable, kind string }{
		"taken back":   {"old", kindRolledBack},
		"another one":  {"installed by hand", ""},
		"not replaced": {"old", kindNotSwapped},
	} {
		i := onDisk(t)
		synctest.Test(t, func(t *testing.T) {
			phase := phaseProbation
			if tc.kind == kindNotSwapped {
				phase = phaseSwap
			}
			i.planFor(t, phase)
			require.NoError(t, os.WriteFile(i.Path, []byte(tc.executable), 0o755))
			o := &onTrial{t: t, began: time.Now(), health: always[error](nil)}
			require.NoError(t, o.service(i).endNow(t), name)
			r, err := i.load()
			require.NoError(t, err)
			require.Nil(t, r.Plan, name)
			require.Len(t, r.Tried, 1, name)
			if tc.kind != "" {
				require.Equal(t, []string{tc.kind}, o.verdict, name)
			}
		})
	}
}

// endNow runs a service until it has nothing to do.
func (s *Service) endNow(t *testing.T) error {
	goOn, err := s.endProbation(t.Context())
	if !goOn {
		err = errors.Join(err, errors.New("it does not go on"))
	}
	return errors.Join(err, s.tell())
}

// Two ends that are one would be taken back for ever.
func TestAPlanThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	sum, err := i.digest(i.Path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(i.recordPath(), []byte(`{"format":1,"plan":{"phase":"rollback","from_sha256":"`+sum+`","to_sha256":"`+sum+`"}}`), 0o600))
	require.NoError(t, os.WriteFile(i.lastGood(), []byte("old"), 0o755))
	err = i.CountStart(now)
	require.ErrorIs(t, err, ErrRecord)
	require.NotErrorIs(t, err, ErrRestart)
}
