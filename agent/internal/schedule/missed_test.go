package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// A host that starts without a broker fires what it knew.
func TestAnOfflineStart(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 * * * *"})
		b.job(wire.Manifest{Version: "7"})
	}, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		b.mu.Lock()
		b.online = false
		b.mu.Unlock()
		b.restart()
		b.until("2000-01-01 02:30:00")
		require.Equal(t, []string{"2000-01-01 01:00:00", "2000-01-01 02:00:00"}, b.times())
		require.Equal(t, "7", b.runs()[0].Version)
		require.False(t, b.Status().Stale.IsZero())
		b.crash()
		b.start()
		b.until("2000-01-01 03:30:00")
		require.Len(t, b.runs(), 3)
	})
}

// What falls due while an agent that has just started waits for the broker was not
// missed: the agent was there.
func TestAFireJustAfterAnOfflineStart(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *"}, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		b.mu.Lock()
		b.online = false
		b.mu.Unlock()
		b.stop()
		b.until("2000-01-02 02:59:55")
		b.start()
		b.until("2000-01-02 03:05:00")
		require.Len(t, b.times(), 1)
		require.Zero(t, b.Status().Missed)
	})
}

// downtime is a schedule of every day at three, on a host that is off at that time.
func TestTimesWhileTheAgentDidNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		schedule wire.Schedule
		back     string
		want     []string
	}{
		"every_tick loses them":            {wire.Schedule{}, "2000-01-05 04:00:00", nil},
		"every_tick, still in time":        {wire.Schedule{StartingDeadline: "2h"}, "2000-01-05 04:00:00", []string{"2000-01-05 04:00:00"}},
		"every_tick, at its last moment":   {wire.Schedule{StartingDeadline: "1h"}, "2000-01-05 04:00:00", []string{"2000-01-05 04:00:00"}},
		"every_tick, too late":             {wire.Schedule{StartingDeadline: "59m"}, "2000-01-05 04:00:00", nil},
		"every_tick, no readable bound":    {wire.Schedule{StartingDeadline: "soon"}, "2000-01-05 04:00:00", nil},
		"once_per_pc makes one":            {wire.Schedule{Mode: wire.OncePerPC}, "2000-01-05 04:00:00", []string{"2000-01-05 04:00:00"}},
		"once_per_target makes one":        {wire.Schedule{Mode: wire.OncePerTarget}, "2000-01-04 23:00:00", []string{"2000-01-04 23:00:00"}},
		"once_per_pc, too late":            {wire.Schedule{Mode: wire.OncePerPC, StartingDeadline: "1h"}, "2000-01-05 05:00:00", nil},
		"once_per_pc, none was missed":     {wire.Schedule{Mode: wire.OncePerPC}, "2000-01-01 02:59:00", nil},
		"at another time by now":           {wire.Schedule{Mode: wire.OncePerPC, Cron: "0 0 2 * * *"}, "2000-01-05 04:00:00", nil},
		"the jitter has not passed":        {wire.Schedule{Jitter: "24h"}, "2000-01-05 03:00:01", []string{"later"}},
		"the jitter is no lateness":        {wire.Schedule{Jitter: "2m", StartingDeadline: "1m"}, "2000-01-05 03:03:00", []string{"later"}},
		"once_per_pc waits for the jitter": {wire.Schedule{Mode: wire.OncePerPC, Jitter: "3h"}, "2000-01-05 07:00:00", []string{"later"}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				s := c.schedule
				s.Cron = "0 0 3 * * *"
				b.schedule(s)
				b.job(wire.Manifest{})
			}, func(t *testing.T, b *bench) {
				b.pass(time.Hour)
				b.stop()
				b.until(c.back)
				if c.schedule.Cron != "" {
					b.mu.Lock()
					b.applies, b.keys = nil, nil
					b.mu.Unlock()
					b.schedule(c.schedule)
				}
				b.start()
				back := b.clock()
				b.until("2000-01-06 01:00:00")
				if c.schedule.Cron == "" && c.back < "2000-01-02" {
					require.Len(t, b.runs(), 1)
					require.Equal(t, "2000-01-01 03:00:00", b.times()[0])
					return
				}
				if len(c.want) == 1 && c.want[0] == "later" {
					require.Len(t, b.runs(), 1, b.times())
					require.False(t, b.runs()[0].at.Before(back), b.times())
					return
				}
				require.Equal(t, c.want, b.times())
				if len(c.want) == 0 && c.schedule.Cron == "" {
					require.EqualValues(t, 1, b.Status().Missed)
				}
			})
		})
	}
}

func TestALateFireHasItsDeadline(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *", StartingDeadline: "30m", Jitter: "10s"}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 12:00:00")
		b.step(16 * time.Hour) // asleep until 04:00
		b.pass(time.Minute)
		require.Len(t, b.runs(), 2)
		for i, f := range b.runs() {
			require.Equal(t, time.Date(2000, 1, 1+i, 3, 30, 10, 0, time.UTC), f.DeadlineAt)
		}
		require.True(t, b.runs()[1].at.After(b.runs()[1].DeadlineAt), "the command path says that it was too late")
	})
}

// Sleep and a clock that is set forward are the same to a scheduler.
func TestAClockThatJumpsAheadMakesOneFire(t *testing.T) {
	for _, mode := range []wire.ScheduleMode{wire.EveryTick, wire.OncePerPC} {
		t.Run(mode.String(), func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "0 */10 * * * *", Mode: mode, Cooldown: "10m"}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 00:25:00")
				b.step(5*time.Hour + 2*time.Minute) // 05:27
				b.pass(10 * time.Second)
				require.Len(t, b.runs(), 3)
				b.until("2000-01-01 05:45:00")
				late, next := b.runs()[2].at, b.runs()[3:]
				require.WithinRange(t, late, at(2000, 5, 27), at(2000, 5, 27).Add(10*time.Second))
				if mode == wire.EveryTick {
					require.Len(t, next, 2)
					require.Equal(t, at(2000, 5, 30), next[0].at)
				} else {
					require.Len(t, next, 1, "the cooldown counts from the late one")
					require.Equal(t, at(2000, 5, 40), next[0].at)
				}
			})
		})
	}
}

// What was passed over is not made up for by a restart.
func TestARestartDoesNotMakeUpForWhatWasPassedOver(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *", Mode: wire.OncePerPC, Cooldown: "25h"}, func(t *testing.T, b *bench) {
		b.until("2000-01-02 03:30:00")
		require.Len(t, b.runs(), 1, "24 hours are less than 25")
		b.pass(time.Hour)
		b.restart()
		b.until("2000-01-03 02:00:00")
		require.Len(t, b.runs(), 1)
		b.until("2000-01-03 03:00:00")
		require.Len(t, b.runs(), 2)
	})
}

func at(year, hour, minute int) time.Time {
	return time.Date(year, 1, 1, hour, minute, 0, 0, time.UTC)
}

// What was done by a clock that was years ahead counts from now.
func TestACompletionInTheFuture(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 * * * *", Mode: wire.OncePerPC, Cooldown: "90m"}, func(t *testing.T, b *bench) {
		b.done.set("s::j", time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC))
		b.until("2000-01-01 04:30:00")
		require.Equal(t, []string{"2000-01-01 03:00:00"}, b.times(), "90 minutes after 01:00, when it was noticed")
	})
}

// Cron is UTC: what the host's zone is, and when it changes its clocks or is
// changed, does not matter. The days are those around the changes of spring.
func TestTheZoneOfTheHostDoesNotMatter(t *testing.T) {
	const days = 20
	var want []string
	for day := range days {
		want = append(want, time.Date(2000, 3, 20+day, 2, 30, 0, 0, time.UTC).Format(time.DateTime))
	}
	for _, name := range []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "changing"} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 30 2 * * *"})
				b.job(wire.Manifest{})
				b.offset = time.Until(time.Date(2000, 3, 20, 2, 20, 0, 0, time.UTC))
				if name != "changing" {
					zone, err := time.LoadLocation(name)
					require.NoError(t, err)
					b.zone = zone
				}
			}, func(t *testing.T, b *bench) {
				for day := range days {
					b.pass(20 * time.Minute)
					b.step(24*time.Hour - 20*time.Minute) // asleep
					if name == "changing" {
						b.mu.Lock()
						b.zone = time.FixedZone("", 3600*(5*day%24-12))
						b.mu.Unlock()
						b.restart()
					}
				}
				require.Equal(t, want, b.times())
			})
		})
	}
}
