package command

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestAStartedCommandIsReportedAfterAKill(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		key := admitOne(t, b.ledger, "unreadable") // the body is no command at all
		require.NoError(t, b.ledger.Start(key, 1))
		body, err := request("r").Encode()
		require.NoError(t, err)
		a := admission(b.ledger, "r", string(body))
		require.NoError(t, b.ledger.Record([]Admission{a}))
		require.NoError(t, b.ledger.Start(a.Key, 1))
		b.stop()
		b.start()
		r := b.result("r")
		require.EqualValues(t, wire.ExitInterrupted, r.ExitCode)
		require.Contains(t, r.Stderr, "outcome is unknown")
		require.Empty(t, b.starts())
	})
}

func TestARepeatableCommandRunsAgainAfterAKill(t *testing.T) {
	attempts := make(chan int, 1)
	run(t, func(b *bench) {
		b.sh.repeatable = true
		b.sh.run = func(_ context.Context, _ wire.Command, attempt int) (exec.Outcome, error) {
			attempts <- attempt
			return exited(0, "again"), nil
		}
	}, func(t *testing.T, b *bench) {
		body, err := request("r").Encode()
		require.NoError(t, err)
		a := admission(b.ledger, "r", string(body))
		require.NoError(t, b.ledger.Record([]Admission{a}))
		require.NoError(t, b.ledger.Start(a.Key, 1))
		b.stop()
		b.start()
		require.Equal(t, "again", b.result("r").Stdout)
		require.Equal(t, 2, <-attempts)
	})
}

// A repeatable command that a restart interrupted and that must not run any
// more (deadline over, killed, stale) never gets a result: Conclude wants the
// state accepted, it is started, and putBack goes round for ever.
func TestAnInterruptedRepeatableCommandPastItsDeadlineIsAnswered(t *testing.T) {
	b := newBench(t)
	b.sh.repeatable = true
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		ledger, _, err := OpenLedger(atomicfile.OS, b.dir, "PC-1", time.Now)
		require.NoError(t, err)
		c := request("r")
		c.DeadlineAt = time.Now().Add(time.Minute)
		data, err := c.Encode()
		require.NoError(t, err)
		require.NoError(t, ledger.Record([]Admission{admission(ledger, "r", string(data))}))
		require.NoError(t, ledger.Start(ledger.KeyOf("r"), 1))
		require.NoError(t, ledger.Close())
		time.Sleep(time.Hour) // down for longer than the deadline
		b.start()
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("r")
		b.stop()
		assert.True(t, ok, "no result, and the ledger is said to be unwritable every 5 s for ever")
	})
}

func TestAnAcceptedCommandRunsAfterARestartAndIsDecidedAnew(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		jittered := request("r")
		jittered.JitterSecs = 3600
		late := request("late")
		late.JitterSecs, late.DeadlineAt = 3600, time.Now().Add(time.Minute)
		b.send(jittered)
		b.send(late)
		require.Empty(t, b.starts())
		b.stop()
		time.Sleep(2 * time.Hour)
		b.start()
		require.Equal(t, "ran r", b.result("r").Stdout)
		require.EqualValues(t, 125, b.result("late").ExitCode)
		require.Equal(t, []string{"r"}, b.starts())
	})
}

func TestAVerdictSurvivesARestartAsItWas(t *testing.T) {
	run(t, func(b *bench) { b.sink.err = errors.New("disk full") }, func(t *testing.T, b *bench) {
		c := request("r")
		c.Shell = "fish"
		b.send(c)
		b.stop() // the result is in the ledger only
		b.sink.fail(nil)
		b.start()
		require.Contains(t, b.result("r").Stderr, "fish")
	})
}

// The clock is set back while a recovered jitter waits: the command waits for
// the step on top.
func TestARecoveredJitterDoesNotFollowTheClock(t *testing.T) {
	c := request("r")
	c.JitterSecs = 3600
	s := &Service{now: time.Now}
	got := s.stillDue(Recovered{Due: time.Now().UTC().Add(30 * time.Minute)}, c) // UTC strips what a clock step does not touch
	require.Contains(t, got.String(), "m=", "a wall-clock time: queue.next compares it with a clock that steps")
}
