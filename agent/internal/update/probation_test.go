package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// onTrial is a release on probation, with what its health and the last good
// executable's self-test are at a time since the start.
type onTrial struct {
	t       *testing.T
	began   time.Time
	health  func(since time.Duration) error
	lastly  func(since time.Duration) (Report, error)
	asked   int
	verdict []string // kinds of observations
}

var (
	errOff   = errors.New("it is not connected to the broker")
	oldWorks = Report{Version: "1.0.0", Connected: true, Settings: true}
	oldFails = Report{Version: "1.0.0"}
)

func always[T any](v T) func(time.Duration) T { return func(time.Duration) T { return v } }

func (o *onTrial) service(i Install) *Service {
	return New(Config{
		Install: i, Name: "kanade-agent", Version: "2.0.0", OS: "linux", Arch: "x86_64", Logger: slog.New(slog.DiscardHandler),
		Settings: func() (wire.EffectiveConfig, <-chan struct{}) {
			return wire.EffectiveConfig{TargetVersion: "2.0.0"}, nil
		},
		Healthy: func() error { return o.health(time.Since(o.began)) },
		SelfTest: func(_ context.Context, executable string) (Report, error) {
			require.Equal(o.t, i.lastGood(), executable)
			o.asked++
			return o.lastly(time.Since(o.began))
		},
		Observe: func(kind string, _ map[string]string) { o.verdict = append(o.verdict, kind) },
		Now:     time.Now,
	})
}

// start is one run of the release, for at most this long; the error is that of
// Finish.
func (o *onTrial) start(i Install, most time.Duration, ended error) error {
	err := i.CountStart(time.Now())
	if err != nil {
		return err
	}
	s := o.service(i)
	ctx, cancel := context.WithTimeout(o.t.Context(), most)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case why := <-s.Due():
		require.Error(o.t, why)
		cancel()
	case <-ctx.Done():
	}
	require.NoError(o.t, <-done)
	return s.Finish(ended)
}

func (i Install) newOnTrial(t *testing.T) Install {
	i.planFor(t, phaseSwap)
	require.NoError(t, i.swapIn(i.staged()))
	return i
}

// onProbation runs a test, in virtual time, on a release that was just put in place.
func onProbation(t *testing.T, o onTrial, test func(t *testing.T, i Install, o *onTrial)) {
	t.Helper()
	t.Parallel()
	i := onDisk(t)
	synctest.Test(t, func(t *testing.T) {
		o.t, o.began = t, time.Now()
		test(t, i.newOnTrial(t), &o)
	})
}

// ended holds what became of the release against the kind that is told of it, and
// returns how long after the start that was.
func (o *onTrial) ended(i Install, kind string, finish error) time.Duration {
	if kind == kindRolledBack {
		return o.takenBack(i, finish)
	}
	require.NoError(o.t, finish)
	require.Equal(o.t, "new", says(o.t, i.Path))
	r, err := i.load()
	require.NoError(o.t, err)
	require.Nil(o.t, r.Plan)
	require.Contains(o.t, o.verdict, kindUpdated)
	return r.LastUpdate.At.Sub(o.began)
}

func (o *onTrial) takenBack(i Install, finish error) time.Duration {
	require.ErrorIs(o.t, finish, ErrRestart)
	ended := time.Since(o.began)
	require.Equal(o.t, "old", says(o.t, i.Path))
	require.NoError(o.t, i.CountStart(time.Now()))
	r, err := i.load()
	require.NoError(o.t, err)
	require.Nil(o.t, r.Plan)
	require.Equal(o.t, kindRolledBack, r.News[0].Kind)
	require.False(o.t, r.Tried[0].Never, "it may be tried again")
	require.NotEmpty(o.t, r.LastRollback.Reason)
	return ended
}

func TestWhatBecomesOfAReleaseOnProbation(t *testing.T) {
	t.Parallel()
	unclear := fmt.Errorf("%w: 1 results wait", ErrUnclear)
	silent := func(time.Duration) (Report, error) { return Report{}, errors.New("it crashed") }
	works := failsUntil(0)
	fails := func(time.Duration) (Report, error) { return oldFails, errors.New("no broker") }
	for name, tc := range map[string]struct {
		health func(time.Duration) error
		lastly func(time.Duration) (Report, error)
		kind   string
		after  time.Duration // at the earliest, 2 min later at the latest
	}{
		"it works":                              {always[error](nil), works, kindUpdated, time.Minute},
		"the last good one could, it cannot":    {always(errOff), works, kindRolledBack, 11 * time.Minute},
		"nobody could for three days":           {until(72*time.Hour, errOff), failsUntil(72 * time.Hour), kindUpdated, 72*time.Hour + time.Minute},
		"nobody could, then only the last good": {always(errOff), failsUntil(72 * time.Hour), kindRolledBack, 72*time.Hour + time.Minute},
		"the last good one says nothing":        {always(errOff), silent, kindRolledBack, 24*time.Hour + 10*time.Minute},
		"the broker takes no results":           {always(unclear), works, kindRolledBack, 24*time.Hour + 10*time.Minute},
		"the broker takes results again":        {until(5*time.Hour, unclear), works, kindUpdated, 5*time.Hour + time.Minute},
		"it was only later than the other":      {until(10*time.Minute+30*time.Second, errOff), works, kindUpdated, 11*time.Minute + 30*time.Second},
		"nobody could, it comes back first":     {until(30*time.Minute, errOff), fails, kindUpdated, 31 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			onProbation(t, onTrial{health: tc.health, lastly: tc.lastly}, func(t *testing.T, i Install, o *onTrial) {
				ended := o.ended(i, tc.kind, o.start(i, 100*time.Hour, nil))
				require.GreaterOrEqual(t, ended, tc.after)
				require.Less(t, ended, tc.after+11*time.Minute, "the last good one is asked every ten minutes")
				require.LessOrEqual(t, o.asked, 1+int(ended/(9*time.Minute)), "it is not asked all the time")
			})
		})
	}
}

func until(end time.Duration, err error) func(time.Duration) error {
	return func(since time.Duration) error {
		if since < end {
			return err
		}
		return nil
	}
}

func failsUntil(end time.Duration) func(time.Duration) (Report, error) {
	return func(since time.Duration) (Report, error) {
		if since < end {
			return oldFails, errors.New("no broker")
		}
		return oldWorks, nil
	}
}

// A laptop that got a release in the office, and is switched on and off at home.
func TestOrderlyEndsDoNotCountAgainstARelease(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(1000 * time.Hour)}, func(t *testing.T, i Install, o *onTrial) {
		for range 40 {
			require.NoError(t, o.start(i, 3*time.Minute, nil))
			require.Equal(t, "new", says(t, i.Path))
		}
		require.Positive(t, o.asked, "the time of all starts counts together")
		o.health = always[error](nil)
		require.NoError(t, o.start(i, 3*time.Minute, nil))
		require.Contains(t, o.verdict, kindUpdated)
	})
}

// What a release cannot do is seen although no start of it lasts.
func TestShortStartsDoNotHideABadRelease(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(0)}, func(t *testing.T, i Install, o *onTrial) {
		for range 5 {
			if err := o.start(i, 3*time.Minute, nil); err != nil {
				require.ErrorIs(t, err, ErrRestart)
				break
			}
		}
		require.Equal(t, "old", says(t, i.Path))
	})
}

func TestOtherEndsCountAgainstARelease(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(time.Hour)}, func(t *testing.T, i Install, o *onTrial) {
		for range maxStarts {
			require.NoError(t, o.start(i, time.Minute, errors.New("the ledger cannot be read")))
		}
		require.ErrorIs(t, i.CountStart(time.Now()), ErrRestart)
		require.Equal(t, "old", says(t, i.Path))
		require.NoError(t, i.CountStart(time.Now()))
		st, err := i.Status()
		require.NoError(t, err)
		require.Equal(t, []string{"2"}, st.Quarantined("1"))
		require.Empty(t, st.Quarantined("2"), "other bytes of that version run")
	})
}

// Starts before a long one, in which nobody could connect, are forgiven.
func TestALongStartClearsThoseBefore(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(time.Hour)}, func(t *testing.T, i Install, o *onTrial) {
		require.NoError(t, i.CountStart(time.Now())) // power was cut
		require.NoError(t, i.CountStart(time.Now()))
		require.NoError(t, o.start(i, 20*time.Minute, errors.New("power was cut")))
		r, err := i.load()
		require.NoError(t, err)
		require.Equal(t, 1, r.Plan.Starts)
	})
}

// The plan to take back is on disk before the agent stops: a stop that hangs and is
// killed changes nothing.
func TestAReleaseIsTakenBackAfterAStopThatFailed(t *testing.T) {
	onProbation(t, onTrial{health: always(errOff), lastly: failsUntil(0)}, func(t *testing.T, i Install, o *onTrial) {
		require.NoError(t, i.CountStart(time.Now()))
		s := o.service(i)
		require.NoError(t, s.Run(t.Context()))
		require.Equal(t, phaseRollback, s.Status().Phase)
		require.Equal(t, "new", says(t, i.Path))
		require.ErrorIs(t, i.CountStart(time.Now()), ErrRestart, "the next start does it")
		require.Equal(t, "old", says(t, i.Path))
	})
}
