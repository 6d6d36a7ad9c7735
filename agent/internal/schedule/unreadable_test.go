package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/agent/wire"
)

// running is a host on which a once-per-pc job of every ten minutes is running when
// the agent dies; b.unreadable holds for the next start.
func running(t *testing.T, unreadable string, test func(t *testing.T, b *bench, id string)) {
	t.Helper()
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 */10 * * * *", Mode: wire.OncePerPC})
		b.job(wire.Manifest{})
		b.exit = func(wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:10:02")
		require.Len(t, b.runs(), 1)
		b.unreadable = unreadable
		b.crash()
		b.start()
		test(t, b, b.runs()[0].RequestID)
	})
}

const stateFileName = stateName + ".json"

// What was in flight is not known yet: nothing fires, and the end of the run counts
// when it is known whose it was.
func TestAStateThatCannotBeReadYet(t *testing.T) {
	running(t, stateFileName, func(t *testing.T, b *bench, id string) {
		b.pass(time.Minute)
		require.Equal(t, 1, b.problems("nothing fires until it can be read"))
		require.Len(t, b.Status().Problems, 1)
		b.finish(b.Service, id, 0)
		b.pass(8 * time.Minute)
		require.Len(t, b.runs(), 1)
		b.life.mend()
		b.pass(time.Hour)
		require.Len(t, b.runs(), 1, "it was done")
		require.Empty(t, b.Status().Problems)
		require.EqualValues(t, 1, b.Status().Succeeded)
		b.restart()
		b.pass(time.Hour)
		require.Len(t, b.runs(), 1)
	})
}

// The run goes on: nothing starts beside it, and nothing starts it again.
func TestAStateThatIsReadWhileItsRunGoesOn(t *testing.T) {
	running(t, stateFileName, func(t *testing.T, b *bench, id string) {
		b.pass(5 * time.Minute)
		b.life.mend()
		b.pass(time.Hour)
		require.Len(t, b.runs(), 1)
		require.Zero(t, seen(b, &b.repeated))
		b.finish(b.Service, id, 1)
		b.pass(10 * time.Minute)
		require.Len(t, b.runs(), 2, "it had failed")
	})
}

// A state that can never be read, or is damaged, is set aside; nothing starts beside
// what the command path still has.
func TestAStateThatIsLost(t *testing.T) {
	for name, aside := range map[string]string{"unreadable": statefile.UnreadableSuffix, "damaged": statefile.BrokenSuffix} {
		t.Run(name, func(t *testing.T) {
			running(t, stateFileName, func(t *testing.T, b *bench, id string) {
				if name == "damaged" {
					b.crash()
					f, err := b.disk.OpenFile("/state/schedule/"+stateFileName, 0x1, 0o600) // to write
					require.NoError(t, err)
					require.NoError(t, f.Truncate(3))
					require.NoError(t, f.Close())
					b.unreadable = ""
					b.start()
				}
				b.pass(statefile.ReadAgainFor + time.Hour)
				_, err := b.disk.Stat("/state/schedule/" + stateFileName + aside)
				require.NoError(t, err)
				require.Len(t, b.runs(), 1, "nothing starts beside it")
				require.Positive(t, b.Status().Overlapped)
				b.finish(b.Service, id, 0)
				b.life.mend()
				b.pass(20 * time.Minute)
				require.Len(t, b.runs(), 2, "nobody knows whose run it was")
				require.Zero(t, seen(b, &b.repeated))
			})
		})
	}
}

// A snapshot that cannot be read is not written over before somebody could mend it.
func TestASnapshotThatCannotBeRead(t *testing.T) {
	for bucket, offline := range map[string]bool{wire.BucketSchedules: true, wire.BucketJobs: false} {
		t.Run(bucket, func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 * * * * *"})
				b.schedule(wire.Schedule{ID: "bad", Cron: "0 * * * * *"})
				b.job(wire.Manifest{})
			}, func(t *testing.T, b *bench) {
				b.pass(10 * time.Second)
				b.stop()
				name := "/state/schedule/" + bucket + ".json"
				before, err := statefile.Read(b.disk, name, statefile.MaxBytes)
				require.NoError(t, err)
				b.unreadable, b.online = bucket+".json", !offline
				b.start()
				b.put(wire.BucketJobs, "j", `{"id":"j","version":"2","execute":{"shell":"cmd","script":"x","timeout":"1m"}}`)
				b.put(wire.BucketSchedules, "bad", "{")
				b.schedule(wire.Schedule{ID: "new", Cron: "0 0 0 1 1 *"})
				b.pass(5 * time.Minute)
				require.Equal(t, 1, b.problems("file cannot be read"))
				now, err := statefile.Read(b.disk, name, statefile.MaxBytes)
				require.NoError(t, err)
				require.Equal(t, before, now, "it is not written over")
				fired := len(b.runs())
				b.life.mend()
				b.pass(2 * time.Minute)
				require.Greater(t, len(b.runs()), fired, "what was known counts when it can be read")
				require.Zero(t, b.problems("was set aside"))
				b.mu.Lock()
				b.online = true
				b.mu.Unlock()
				b.schedule(wire.Schedule{ID: "new", Cron: "0 0 0 1 2 *"})
				b.pass(time.Minute)
				for _, problem := range b.Status().Problems {
					require.NotContains(t, problem, "file ")
				}
			})
		})
	}
}

// The last good row of a schedule is in the snapshot that is read late.
func TestTheLastGoodRowIsReadLate(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *"}, func(t *testing.T, b *bench) {
		b.pass(10 * time.Second)
		b.unreadable = wire.BucketSchedules + ".json"
		b.stop()
		b.put(wire.BucketSchedules, "s", "{")
		b.start()
		b.pass(5 * time.Minute)
		require.Empty(t, b.runs())
		b.life.mend()
		b.pass(2 * time.Minute)
		require.NotEmpty(t, b.runs())
	})
}

// One that can never be read is set aside, and the next one is written.
func TestASnapshotThatCanNeverBeRead(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *"}, func(t *testing.T, b *bench) {
		b.pass(10 * time.Second)
		b.unreadable = wire.BucketSchedules + ".json"
		b.restart()
		b.pass(statefile.ReadAgainFor + time.Minute)
		require.Equal(t, 1, b.problems("was set aside"))
		_, err := b.disk.Stat("/state/schedule/schedules.json" + statefile.UnreadableSuffix)
		require.NoError(t, err)
		require.Empty(t, b.Status().Problems)
		b.unreadable = ""
		b.online = false
		b.restart()
		before := len(b.runs())
		b.pass(2 * time.Minute)
		require.Greater(t, len(b.runs()), before, "from the new one")
	})
}

// A disk that fails is told of once, and once more when it fails for another reason:
// not with each fire.
func TestADiskThatFailsIsToldOfOnce(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *"}, func(t *testing.T, b *bench) {
		b.pass(61 * time.Second)
		b.life.full.Store(new(wire.BucketJobs))
		b.job(wire.Manifest{Version: "2"})
		b.pass(time.Hour)
		require.Greater(t, len(b.runs()), 50, "what it depends on can be written")
		require.Equal(t, 1, b.problems("disk full"))
		require.Len(t, b.Status().Problems, 1)
		b.life.full.Store(new(stateName))
		b.pass(time.Hour)
		require.Equal(t, 2, b.problems("disk full"))
		b.life.full.Store(nil)
		b.pass(5 * time.Minute)
		require.Empty(t, b.Status().Problems)
	})
}
