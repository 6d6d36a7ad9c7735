package command

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// blocked is a test whose commands run until release.
func blocked(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench, release func())) {
	t.Helper()
	var open chan struct{}
	run(t, func(b *bench) {
		open = make(chan struct{}) // of the bubble
		b.sh.run = func(ctx context.Context, _ wire.Command, _ int) (exec.Outcome, error) {
			select {
			case <-open:
				return exited(0, "ran"), nil
			case <-ctx.Done():
				return exec.Outcome{End: exec.EndCanceled, Code: -1}, nil
			}
		}
		if prepare != nil {
			prepare(b)
		}
	}, func(t *testing.T, b *bench) { test(t, b, func() { close(open) }) })
}

func by(id string, deadline time.Time) wire.Command {
	c := request(id)
	c.DeadlineAt = deadline
	return c
}

// Two run for an hour. Whoever waits behind them, marked already or not, is told
// when his deadline has passed, not an hour later.
func TestADeadlineIsMissedWhileOthersRun(t *testing.T) {
	blocked(t, nil, func(t *testing.T, b *bench, release func()) {
		deadline := time.Now().Add(time.Minute)
		for _, id := range []string{"first", "second"} {
			b.send(request(id))
		}
		var late []string
		for i := range 12 {
			late = append(late, fmt.Sprint("late", i))
			b.send(by(late[i], deadline))
		}
		b.send(by("timely", deadline.Add(2*time.Hour)))
		b.send(request("patient"))
		time.Sleep(time.Until(deadline))
		for _, id := range late {
			b.noResult(id)
		}
		time.Sleep(2 * time.Millisecond)
		for _, id := range late {
			require.EqualValues(t, wire.ExitDeadline, b.result(id).ExitCode, id)
		}
		require.Equal(t, 2, b.service.Status().Waiting)
		time.Sleep(time.Hour)
		release()
		require.Equal(t, "ran", b.result("timely").Stdout)
		require.Equal(t, "ran", b.result("patient").Stdout)
		require.ElementsMatch(t, []string{"first", "second", "timely", "patient"}, b.starts())
		require.Empty(t, b.ledger.Unfinished())
		require.Empty(t, b.service.queue.late)
	})
}

// A jitter that ends after the deadline is of no use to anybody.
func TestADeadlineIsMissedDuringTheJitter(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for i := range 20 {
			c := by(fmt.Sprint(i), time.Now().Add(time.Second))
			c.JitterSecs = 3600
			b.send(c)
		}
		time.Sleep(time.Second + 2*time.Millisecond)
		for i := range 20 {
			r := b.result(fmt.Sprint(i))
			require.True(t, r.ExitCode == wire.ExitDeadline || r.ExitCode == 0)
		}
		require.Zero(t, b.service.Status().Waiting)
		require.Less(t, len(b.starts()), 5, "one in 3,600 has a jitter that short")
	})
}

// After a restart it is the same.
func TestADeadlineIsMissedAfterARestart(t *testing.T) {
	blocked(t, nil, func(t *testing.T, b *bench, release func()) {
		for i := range 6 {
			b.send(request(fmt.Sprint("first", i)))
		}
		b.send(by("late", time.Now().Add(time.Minute)))
		b.send(by("later", time.Now().Add(time.Hour)))
		b.stop() // those that run are ended
		b.start()
		synctest.Wait()
		time.Sleep(time.Minute + 2*time.Millisecond)
		require.EqualValues(t, wire.ExitDeadline, b.result("late").ExitCode)
		b.noResult("later")
		release()
		require.Equal(t, "ran", b.result("later").Stdout)
	})
}

// Between the look at the queue and the decision the clock may be set back.
func TestACommandThatIsNotLateAfterAllWaitsOn(t *testing.T) {
	blocked(t, nil, func(t *testing.T, b *bench, release func()) {
		for i := range 6 {
			b.send(request(fmt.Sprint("first", i)))
		}
		b.send(by("r", time.Now().Add(time.Minute)))
		key := b.ledger.KeyOf("r")
		it, ok := b.service.queue.remove(key)
		require.True(t, ok)
		_, answered := b.service.perform.decideOverdue(t.Context(), t.Context(), newCandidate(it))
		require.False(t, answered)
		require.True(t, b.service.queue.has(key))
		release()
		require.Equal(t, "ran", b.result("r").Stdout)
	})
}

// A late command that cannot be answered yet is asked about seldom, and a kill
// finds it all the while.
func TestALateCommandThatCannotBeAnsweredYet(t *testing.T) {
	broken := &brokenFS{}
	blocked(t, func(b *bench) { broken.FS = b.fs; b.fs = broken }, func(t *testing.T, b *bench, release func()) {
		for i := range 6 {
			b.send(request(fmt.Sprint("first", i)))
		}
		b.send(by("late", time.Now().Add(time.Minute)))
		b.send(by("killed", time.Now().Add(time.Minute)))
		broken.fail(errDisk, nil, nil)
		time.Sleep(time.Hour)
		b.noResult("late")
		b.service.Kill("exec-killed")
		broken.fail(nil, nil, nil)
		time.Sleep(time.Minute)
		require.EqualValues(t, wire.ExitDeadline, b.result("late").ExitCode)
		require.Equal(t, wire.KilledNote("exec-killed"), b.result("killed").Stderr)
		release()
		synctest.Wait()
	})
}

func TestADeadlineOfAJobThatNobodyKnows(t *testing.T) {
	asked := &countingLookup{}
	blocked(t, func(b *bench) { b.lookup = asked }, func(t *testing.T, b *bench, release func()) {
		b.send(by("r", time.Now().Add(time.Minute)))
		time.Sleep(time.Hour)
		b.noResult("r")
		require.Less(t, asked.times, 2*3600+100, "once a second, and not without a break")
		b.service.Kill("exec-r")
		require.Equal(t, wire.KilledNote("exec-r"), b.result("r").Stderr)
		release()
	})
}

// countingLookup knows nothing yet.
type countingLookup struct{ times int }

func (l *countingLookup) Known(string) wire.ScriptState { return wire.ScriptState{} }

func (l *countingLookup) Ask(context.Context, string, string) wire.ScriptState {
	l.times++
	return wire.ScriptState{}
}

// The clock of deadlines is the host's, which may be set.
func TestADeadlineWhileTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var step time.Duration
		q := newQueue(func() time.Time { return time.Now().Add(step) })
		q.pushBy(time.Now().Add(time.Minute), Key{1}, time.Time{}, 1)
		q.pushBy(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Key{2}, time.Now().Add(time.Hour), 1)
		q.pushBy(time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), Key{3}, time.Now().Add(time.Hour), 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		it, err := q.popOverdue(ctx)
		require.NoError(t, err)
		require.Equal(t, Key{1}, it.key)
		require.False(t, q.has(Key{1}))
		step = -30 * time.Minute
		q.again(it, time.Time{})
		require.Equal(t, 30*time.Minute, time.Until(q.late[0].late))
		_, ok := q.remove(Key{1})
		require.True(t, ok)
		it, err = q.popOverdue(ctx)
		require.NoError(t, err)
		require.Equal(t, Key{3}, it.key, "what was late before its pause is looked at after it")
		_, err = q.popOverdue(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		it, ok = q.poll()
		require.True(t, ok)
		require.Equal(t, Key{2}, it.key)
		require.Empty(t, q.late)
	})
}
