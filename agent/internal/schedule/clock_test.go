package schedule

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// The count goes on when the clock is set back, waits when that is put right, and
// follows one that is ahead of it.
func TestTheCountOfAClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var offset time.Duration
		began := time.Now()
		c := &clock{now: func() time.Time { return time.Now().Add(offset) }}
		for n, step := range []struct {
			passes, by, counted time.Duration
			set                 bool
		}{
			{time.Hour, 0, time.Hour, false},
			{time.Second, -9 * time.Hour, time.Hour + time.Second, true},
			{time.Hour, 0, 2*time.Hour + time.Second, false},
			{time.Second, 4 * time.Hour, 2*time.Hour + 2*time.Second, true},
			{time.Second, 5 * time.Hour, 2*time.Hour + 3*time.Second, true},
			{time.Second, -slew / 2, 2*time.Hour + 4*time.Second - slew/2, false}, // it is being adjusted
			{time.Second, slew / 2, 2*time.Hour + 5*time.Second, false},
			{0, 24 * time.Hour, 26*time.Hour + 5*time.Second, false}, // as after sleep
		} {
			time.Sleep(step.passes)
			offset += step.by
			m, set := c.look()
			require.Equal(t, began.Add(step.counted).UTC().Round(0), m.counted, n)
			require.Equal(t, step.set, set, n)
			require.Equal(t, time.Now().Add(offset).UTC().Round(0), m.wall)
		}
	})
}

// A start compares with what the last run had counted.
func TestTheCountGoesOnOverARestart(t *testing.T) {
	t.Parallel()
	day := time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, c := range map[string]struct{ last, now, counted time.Duration }{
		"it was right":           {0, time.Hour, time.Hour},
		"it is still set back":   {-9 * time.Hour, -8 * time.Hour, time.Hour},
		"it was put right":       {-9 * time.Hour, time.Hour, time.Hour},
		"it is set back now":     {0, -time.Hour, 0},
		"it is set back further": {-9 * time.Hour, -10 * time.Hour, 0},
	} {
		clock := &clock{now: func() time.Time { return day.Add(c.now) }}
		clock.resume(stamp{Wall: day.Add(c.last), Counted: day})
		require.Equal(t, day.Add(c.counted), clock.stamp().Counted, name)
	}
}

func TestAClockThatIsSetBackRepeatsNothing(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *"}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 03:10:00")
		b.step(-time.Hour)
		b.until("2000-01-01 23:00:00")
		require.Len(t, b.runs(), 1)
		b.step(-22 * time.Hour) // 01:00
		b.until("2000-01-01 02:00:00")
		b.restart()
		b.until("2000-01-02 02:00:00")
		require.Len(t, b.runs(), 1)
		b.until("2000-01-02 04:00:00")
		require.Len(t, b.runs(), 2)
	})
}

// A clock that is set far back and then put right: what fired does not fire again.
func TestAClockThatIsPutRightRepeatsNothing(t *testing.T) {
	for name, during := range map[string]func(b *bench){
		"while it runs":  func(b *bench) { b.set(240 * time.Hour) },
		"over a restart": func(b *bench) { b.stop(); b.step(240 * time.Hour); b.start() },
		"over a crash":   func(b *bench) { b.pass(time.Minute); b.crash(); b.step(240 * time.Hour); b.start() },
	} {
		t.Run(name, func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "0 0 3 * * *", StartingDeadline: "20h"}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 03:10:00")
				require.Len(t, b.runs(), 1)
				b.set(-240 * time.Hour)
				b.pass(5 * time.Minute)
				during(b)
				b.until("2000-01-02 02:00:00")
				require.Len(t, b.runs(), 1, b.times())
				b.until("2000-01-02 03:00:00")
				require.Len(t, b.runs(), 2, "and the next one comes")
			})
		})
	}
}

// A time that fired comes again by a clock that was set back, and waits for its jitter
// when that is put right: it has had its turn, and the latest that was jumped over comes.
func TestAClockThatIsPutRightDuringTheJitter(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *", Jitter: "50s"}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:10:00")
		before := len(b.runs())
		b.set(-5 * time.Minute)
		b.until("2000-01-01 00:07:01") // its jitter is not over yet
		b.set(5 * time.Minute)
		b.until("2000-01-01 00:13:00")
		var times []string
		for _, f := range b.runs()[before:] {
			times = append(times, f.due.Format("15:04"))
		}
		require.NotContains(t, times, "00:07")
		require.Contains(t, times, "00:12")
	})
}

// A cooldown is kept while the clock is set back, and after it was put right: what
// was done then too.
func TestACooldownSurvivesAClockThatIsSet(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 * * * *", Mode: wire.OncePerPC, Cooldown: "20h"}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 01:10:00")
		require.Len(t, b.runs(), 1)
		b.set(-240 * time.Hour)
		b.pass(3 * time.Hour)
		require.Len(t, b.runs(), 1)
		last, _ := b.done.get("s::j")
		require.Equal(t, at(2000, 1, 0), last, "what is on disk stays")
		b.set(240 * time.Hour)
		b.until("2000-01-01 20:59:00")
		require.Len(t, b.runs(), 1)
		b.until("2000-01-01 21:01:00")
		require.Len(t, b.runs(), 2)

		b.set(-240 * time.Hour)
		b.until("1999-12-23 18:00:00")
		require.Len(t, b.runs(), 3, "the cooldown ends by the count")
		done := b.runs()[2].at
		b.set(240 * time.Hour)
		b.crash() // nothing is lost that the next start needs
		b.start()
		b.until("2000-01-03 12:59:00")
		require.Len(t, b.runs(), 3, "%v was done at %v by a clock that was set back", b.times(), done)
		b.until("2000-01-03 14:01:00")
		require.Len(t, b.runs(), 4)
	})
}

// A schedule that fires often does not stand still until its time comes again. It
// starts over, and what it fires then, also when it is armed anew, is no duplicate.
func TestAClockThatIsSetBackStallsNothing(t *testing.T) {
	for name, again := range map[string]func(b *bench){
		"other times": func(b *bench) {
			b.schedule(wire.Schedule{Cron: "0 * * * * *"})
			b.schedule(wire.Schedule{Cron: "*/15 * * * * *"})
		},
		"disabled for a while": func(b *bench) {
			b.schedule(wire.Schedule{Cron: "*/15 * * * * *", Disabled: true})
			b.schedule(wire.Schedule{Cron: "*/15 * * * * *"})
		},
		"removed for a while": func(b *bench) {
			b.put(wire.BucketSchedules, "s", "")
			b.schedule(wire.Schedule{Cron: "*/15 * * * * *"})
		},
		"restarted":                  func(b *bench) { b.restart() },
		"left alone":                 func(*bench) {},
		"set back by less than that": func(b *bench) { b.set(-10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "*/15 * * * * *"}, func(t *testing.T, b *bench) {
				b.pass(time.Hour)
				b.set(-30 * time.Minute)
				b.pass(2 * time.Minute)
				before := len(b.runs())
				again(b)
				b.pass(10 * time.Minute)
				require.InDelta(t, before+40, len(b.runs()), 1)
				require.Zero(t, seen(b, &b.repeated), "a fire was taken for a duplicate")
				ids := map[string]bool{}
				for _, f := range b.runs() {
					require.False(t, ids[f.RequestID])
					ids[f.RequestID] = true
				}
			})
		})
	}
}

// The clock is set back, the schedule is armed anew, and the clock is put right: what
// had fired by then does not fire again.
func TestAClockThatIsPutRightAfterItWasArmedAnew(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *"}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 05:00:00")
		require.Len(t, b.runs(), 1)
		b.set(-4 * time.Hour)
		b.schedule(wire.Schedule{Cron: "0 0 3 * * *", Disabled: true})
		b.schedule(wire.Schedule{Cron: "0 0 3 * * *"})
		b.pass(time.Minute)
		b.set(4 * time.Hour)
		b.pass(time.Hour)
		require.Len(t, b.runs(), 1)
		b.until("2000-01-02 03:00:00")
		require.Len(t, b.runs(), 2)
	})
}

// The clock is set back while a fire waits for its jitter: it fires when its time
// comes, or when the clock is put right.
func TestAClockThatIsSetBackDuringTheJitter(t *testing.T) {
	for name, until := range map[string]func(b *bench){
		"its time comes again": func(b *bench) { b.until("2000-01-01 02:00:00") },
		"put right":            func(b *bench) { b.pass(time.Minute); b.set(10 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "0 0 3 * * *", Jitter: "1h"}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 03:00:01")
				b.set(-10 * time.Hour)
				until(b)
				require.Empty(t, b.runs(), "its time has not come")
				b.until("2000-01-01 04:30:00")
				require.Len(t, b.runs(), 1)
			})
		})
	}
}
