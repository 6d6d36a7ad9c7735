package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
)

// Virtual time begins at 2000-01-01 00:00:00 UTC, a Saturday.

func TestWhatAFireIs(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 30 * * * *", Jitter: "0s", DeadlineAt: time.Unix(1, 0)})
		b.job(wire.Manifest{
			Version: "1.4.0", Staleness: wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "1h"}, Emit: &wire.EmitConfig{},
			Execute: wire.Execute{Script: "ls", ScriptObject: "ignored/1", Timeout: "90500ms", RunAs: wire.RunAsUser, Cwd: "~"},
		})
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:29:59")
		require.Empty(t, b.times())
		b.until("2000-01-01 01:30:00")
		require.Equal(t, []string{"2000-01-01 00:30:00", "2000-01-01 01:30:00"}, b.times())
		first, second := b.runs()[0].Command, b.runs()[1].Command
		require.NotEqual(t, first.RequestID, second.RequestID)
		require.NotEqual(t, first.ExecID, second.ExecID)
		require.NotEqual(t, first.ExecID, first.RequestID)
		id, err := uuid.Parse(first.RequestID)
		require.NoError(t, err)
		require.EqualValues(t, 5, id.Version())
		require.Equal(t, wire.Command{
			ID: "j", Version: "1.4.0", RequestID: first.RequestID, ExecID: first.ExecID, Shell: "powershell", Script: "ls", TimeoutSecs: 90,
			RunAs: wire.RunAsUser, Cwd: "~", Staleness: wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "1h"}, Emit: &wire.EmitConfig{},
		}, first)
		require.Equal(t, Status{Known: true, Armed: 1, Next: at(2000, 2, 30), Fired: 2, Succeeded: 2, Problems: []string{}}, b.Status())
	})
}

func TestOnceIsOnceForThisHost(t *testing.T) {
	for _, mode := range []wire.ScheduleMode{wire.OncePerPC, wire.OncePerTarget} {
		for cooldown, want := range map[string]int{"": 1, "soon": 1, "0s": 5, "10m": 5, "11m": 3, "20m": 3, "1h": 1} {
			t.Run(mode.String()+" "+cooldown, func(t *testing.T) {
				runOne(t, wire.Schedule{Cron: "0 */10 * * * *", Mode: mode, Cooldown: cooldown}, func(t *testing.T, b *bench) {
					b.until("2000-01-01 00:25:00")
					b.restart()
					b.until("2000-01-01 00:55:00")
					require.Len(t, b.runs(), want, b.times())
				})
			})
		}
	}
}

// A job that did not succeed is not done, whatever kept it.
func TestOnlySuccessCounts(t *testing.T) {
	for _, code := range []int32{1, -1, wire.ExitInterrupted, wire.ExitVersionPin, wire.ExitDeadline, wire.ExitRevoked, wire.ExitStale} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 * * * * *", Mode: wire.OncePerPC})
				b.job(wire.Manifest{})
				b.exit = func(wire.Command) (int32, bool) { return code, true }
			}, func(t *testing.T, b *bench) {
				b.pass(3*time.Minute + time.Second)
				require.Len(t, b.runs(), 3)
				b.endWith(0)
				b.pass(3 * time.Minute)
				require.Len(t, b.runs(), 4)
				require.EqualValues(t, 3, b.Status().Failed)
			})
		})
	}
}

// The completion is looked up by the schedule's job, and so it is recorded.
func TestAJobWhoseRowHasAnotherID(t *testing.T) {
	run(t, func(b *bench) {
		b.put(wire.BucketSchedules, "key", `{"id":"own","cron":"0 * * * * *","job_id":"row","target":{"all":true},"mode":"once_per_pc","runs_on":"agent"}`)
		b.put(wire.BucketJobs, "row", `{"id":"other","version":"2","execute":{"shell":"cmd","script":"x","timeout":"never"}}`)
	}, func(t *testing.T, b *bench) {
		b.pass(5 * time.Minute)
		require.Len(t, b.runs(), 1)
		require.Equal(t, "other", b.runs()[0].ID)
		require.EqualValues(t, 60, b.runs()[0].TimeoutSecs)
		_, done := b.done.get("own::row")
		require.True(t, done)
		b.put(wire.BucketSchedules, "key", "")
		require.Zero(t, b.Status().Armed, "a row is removed by its key")
	})
}

func TestARunDoesNotOverlapItself(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *"})
		b.schedule(wire.Schedule{ID: "other", Cron: "0 * * * * *"})
		b.job(wire.Manifest{})
		b.exit = func(c wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.pass(5*time.Minute + time.Second)
		require.Len(t, b.runs(), 2, "one of each")
		require.EqualValues(t, 8, b.Status().Overlapped)
		b.restart() // the command path takes up what it owes
		b.pass(time.Minute)
		require.Len(t, b.runs(), 2)
		b.finish(b.Service, b.runs()[0].RequestID, 0)
		b.pass(time.Minute)
		require.Len(t, b.runs(), 3)
	})
}

// A result that can never come does not keep a schedule for ever.
func TestARunWithoutOutcome(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *", Mode: wire.OncePerPC})
		b.job(wire.Manifest{})
		b.exit = func(c wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		require.Len(t, b.runs(), 1)
		b.mu.Lock()
		b.ledger[b.fired[0].RequestID] = false
		b.mu.Unlock()
		b.pass(time.Minute)
		require.Len(t, b.runs(), 2)
		require.Equal(t, 1, b.logs.Count("left no outcome"))
	})
}

func TestJitter(t *testing.T) {
	draws := map[string]bool{}
	runOne(t, wire.Schedule{Cron: "0 0 * * * *", Jitter: "10m", Mode: wire.OncePerPC, Cooldown: "0s"}, func(t *testing.T, b *bench) {
		for range 24 {
			b.pass(time.Hour)
		}
		b.pass(10 * time.Minute)
		require.Len(t, b.runs(), 24)
		for i, f := range b.runs() {
			late := f.at.Sub(time.Date(2000, 1, 1, i+1, 0, 0, 0, time.UTC))
			require.True(t, late >= 0 && late < 10*time.Minute && late%time.Second == 0, late)
			require.Zero(t, f.JitterSecs, "it is over when the command is handed over")
			draws[late.String()] = true
		}
		require.Greater(t, len(draws), 12)
	})
}

// A restart during the jitter neither loses the fire nor draws again.
func TestARestartDuringTheJitter(t *testing.T) {
	var times [2][]string
	for i := range times {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctestRun(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 0 1 * * *", Jitter: "1h"})
				b.job(wire.Manifest{})
			}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 01:00:01")
				require.Empty(t, b.times())
				if i == 1 {
					b.crash()
					b.pass(time.Second)
					b.start()
				}
				b.until("2000-01-01 02:00:00")
				times[i] = b.times()
				require.Len(t, times[i], 1)
			})
		})
	}
	require.Equal(t, times[0], times[1])
}

func TestWhatIsRemovedDoesNotFireAfterItsJitter(t *testing.T) {
	for name, remove := range map[string]func(*bench){
		"deleted":  func(b *bench) { b.put(wire.BucketSchedules, "s", "") },
		"disabled": func(b *bench) { b.schedule(wire.Schedule{Cron: "0 0 1 * * *", Jitter: "1h", Disabled: true}) },
		"not for us": func(b *bench) {
			b.schedule(wire.Schedule{Cron: "0 0 1 * * *", Jitter: "1h", Target: wire.Target{PCIDs: []string{"x"}}})
		},
		"at other time": func(b *bench) { b.schedule(wire.Schedule{Cron: "0 0 5 * * *", Jitter: "1h"}) },
		"bad":           func(b *bench) { b.schedule(wire.Schedule{Cron: "0 0 * * *", Jitter: "1h"}) },
	} {
		t.Run(name, func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "0 0 1 * * *", Jitter: "1h"}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 01:00:00")
				remove(b)
				b.until("2000-01-01 04:00:00")
				require.Empty(t, b.times())
			})
		})
	}
}

func TestTargets(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{ID: "lab", Cron: "0 * * * * *", JobID: "lab", Target: wire.Target{Groups: []string{"canary", "lab"}}})
		b.schedule(wire.Schedule{ID: "me", Cron: "0 * * * * *", JobID: "me", Target: wire.Target{PCIDs: []string{"PC-1"}}})
		b.schedule(wire.Schedule{ID: "other", Cron: "0 * * * * *", JobID: "me", Target: wire.Target{PCIDs: []string{"pc-1"}}})
		b.put(wire.BucketSchedules, "nobody", `{"id":"nobody","cron":"* * * * * *","job_id":"me","runs_on":"agent"}`)
		b.put(wire.BucketSchedules, "backend", `{"id":"backend","cron":"* * * * * *","job_id":"me","target":{"all":true}}`)
		b.put(wire.BucketSchedules, "off", `{"id":"off","cron":"* * * * * *","job_id":"me","target":{"all":true},"runs_on":"agent","enabled":false}`)
		b.job(wire.Manifest{ID: "me"})
		b.job(wire.Manifest{ID: "lab"})
		b.groups = nil // not known yet
	}, func(t *testing.T, b *bench) {
		b.pass(61 * time.Second)
		require.Len(t, b.runs(), 1)
		require.Equal(t, "me", b.runs()[0].ID)
		b.join("lab")
		b.pass(time.Minute)
		require.Len(t, b.runs(), 3)
		b.join("dept-eng")
		b.pass(time.Minute)
		require.Len(t, b.runs(), 4)
	})
}

// Whatever else is written and however often: what does not change keeps its time.
func TestARefreshSkipsNoFire(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "*/5 * * * * *"}, func(t *testing.T, b *bench) {
		for i := range 120 {
			b.pass(500 * time.Millisecond)
			b.join(fmt.Sprint("g", i))
			b.schedule(wire.Schedule{Cron: "*/5 * * * * *", Cooldown: fmt.Sprint(i, "s")})
			b.schedule(wire.Schedule{ID: "noise", Cron: fmt.Sprint("0 0 0 1 1 * ", 2100+i)})
		}
		require.Len(t, b.runs(), 12)
	})
}

func TestAJobThatComesLate(t *testing.T) {
	run(t, func(b *bench) { b.schedule(wire.Schedule{Cron: "0 0 1 * * *"}) }, func(t *testing.T, b *bench) {
		b.until("2000-01-01 01:00:20")
		b.job(wire.Manifest{})
		b.pass(2 * time.Second)
		require.Len(t, b.runs(), 1)
		require.Empty(t, seen(b, &b.observed))
		b.put(wire.BucketJobs, "j", "")
		b.until("2000-01-02 01:30:00")
		b.job(wire.Manifest{})
		b.until("2000-01-02 05:00:00")
		require.Len(t, b.runs(), 1)
		require.Equal(t, 1, b.problems("its job is not known"))
		b.until("2000-01-03 05:00:00")
		require.Len(t, b.runs(), 2)
		require.Empty(t, b.Status().Problems)
	})
}

func TestRowsThatCannotBeRead(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *"})
		b.schedule(wire.Schedule{ID: "second", Cron: "0 * * * * *", JobID: "k"})
		b.job(wire.Manifest{})
		b.job(wire.Manifest{ID: "k"})
	}, func(t *testing.T, b *bench) {
		b.pass(61 * time.Second)
		require.Len(t, b.runs(), 2)
		b.put(wire.BucketSchedules, "s", `{"id":"s","when":{"per_pc":"once"},"job_id":"j"}`)
		b.put(wire.BucketSchedules, "new", `{`)
		b.pass(time.Minute)
		require.Len(t, b.runs(), 4, "the last good schedule stays")
		b.put(wire.BucketJobs, "k", `{"id":"k","version":"2","execute":{"operation":"reboot"}}`)
		b.pass(3 * time.Minute)
		require.Len(t, b.runs(), 7, "an older version of a job is not what was asked for")
		require.Equal(t, 1, b.problems(`field "cron" is missing`))
		require.Equal(t, 1, b.problems(`field "execute.operation"`))
		require.Equal(t, 1, b.problems("its job is not known"))
		require.Len(t, b.Status().Problems, 4)
		b.schedule(wire.Schedule{Cron: "0 0 * * *"})
		b.put(wire.BucketSchedules, "new", "")
		b.pass(time.Minute)
		require.Len(t, b.runs(), 7)
		require.Equal(t, 1, b.problems("5 fields"))
		b.schedule(wire.Schedule{Cron: "0 0 0 30 2 *"})
		require.Equal(t, 1, b.problems("never comes"))
		b.schedule(wire.Schedule{Cron: "0 * * * * *"})
		b.job(wire.Manifest{ID: "k", Version: "3"})
		b.pass(time.Minute)
		require.Len(t, b.runs(), 9)
		require.Empty(t, b.Status().Problems)
	})
}

// One answer says that a job is refused; a schedule of every minute says no more.
func TestARefusedJobIsAnsweredOnce(t *testing.T) {
	for name, refused := range map[string]wire.ScriptState{
		"revoked": {Revoked: true}, "pinned": {Pinned: true, Version: "2"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 * * * * *"})
				b.job(wire.Manifest{})
				b.scripts["j"] = refused
				b.exit = func(wire.Command) (int32, bool) { return wire.ExitRevoked, true }
			}, func(t *testing.T, b *bench) {
				b.pass(time.Hour)
				require.Len(t, b.runs(), 1)
				b.mu.Lock()
				b.scripts = map[string]wire.ScriptState{}
				b.mu.Unlock()
				b.endWith(0)
				b.pass(2*time.Minute + time.Second)
				require.Len(t, b.runs(), 3)
				b.mu.Lock()
				b.scripts["j"] = refused
				b.mu.Unlock()
				b.pass(time.Hour)
				require.Len(t, b.runs(), 4)
			})
		})
	}
}

func TestACommandThatCannotBeRecordedIsRepeated(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 * * * *"})
		b.job(wire.Manifest{})
		b.answer = delivery.Nak
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 01:10:00")
		require.Empty(t, b.runs())
		b.settleWith(delivery.Ack)
		b.until("2000-01-01 01:11:05")
		require.Len(t, b.runs(), 1)
		b.settleWith(delivery.Nak)
		b.until("2000-01-01 02:10:00")
		b.put(wire.BucketSchedules, "s", "")
		b.settleWith(delivery.Ack)
		b.until("2000-01-01 03:30:00")
		require.Len(t, b.runs(), 1, "its schedule is gone")
		require.Zero(t, b.Status().Running)
	})
}

func TestACommandThatIsRefusedForGood(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 * * * *"})
		b.job(wire.Manifest{})
		b.answer = delivery.Term
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 01:10:00")
		require.Zero(t, b.Status().Running)
		require.EqualValues(t, 1, b.Status().Failed)
		b.settleWith(delivery.Ack)
		b.until("2000-01-01 02:10:00")
		require.Len(t, b.runs(), 1)
	})
}

// What a quiet host costs: looks at the clock.
func TestHowOftenItWakes(t *testing.T) {
	run(t, func(b *bench) { b.job(wire.Manifest{}) }, func(t *testing.T, b *bench) {
		b.pass(time.Minute)
		before := seen(b, &b.looks)
		b.pass(10 * time.Hour)
		idle := seen(b, &b.looks) - before
		b.schedule(wire.Schedule{Cron: "0 0 3 1 1 *"})
		b.pass(time.Minute)
		before = seen(b, &b.looks)
		b.pass(time.Hour)
		armed := seen(b, &b.looks) - before
		t.Logf("looks at the clock: %d in 10 hours without a schedule, %d in an hour with one", idle, armed)
		require.Less(t, idle, 100)
		require.Less(t, armed, 2000)
	})
}
