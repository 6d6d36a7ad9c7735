package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// A host that starts for the first time, without a broker, without groups, without
// anything on its disk.
func TestTheFirstBoot(t *testing.T) {
	run(t, func(b *bench) { b.online, b.groups = false, nil }, func(t *testing.T, b *bench) {
		b.pass(time.Hour)
		require.False(t, b.Status().Known)
		require.Empty(t, b.Status().Problems)
		b.mu.Lock()
		b.online = true
		b.mu.Unlock()
		b.schedule(wire.Schedule{Cron: "0 */10 * * * *", Mode: wire.OncePerPC, Target: wire.Target{Groups: []string{"lab"}}})
		b.job(wire.Manifest{})
		b.until("2000-01-01 01:59:00")
		require.Empty(t, b.runs(), "nobody knows whether it is of this host")
		b.join("lab")
		require.Empty(t, b.runs(), "its times came before it")
		b.until("2000-01-01 03:00:00")
		require.Equal(t, []string{"2000-01-01 02:00:00"}, b.times())
	})
}

// What a schedule had come to is not forgotten while the groups are not known.
func TestGroupsThatAreNotKnownYet(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 3 * * *", Mode: wire.OncePerPC, Target: wire.Target{Groups: []string{"lab"}}})
		b.job(wire.Manifest{})
		b.groups = []string{"lab"}
	}, func(t *testing.T, b *bench) {
		b.pass(time.Hour)
		b.stop()
		b.until("2000-01-01 08:00:00")
		b.groups = nil
		b.start()
		b.schedule(wire.Schedule{ID: "other", JobID: "other", Cron: "0 0 3 * * *"})
		b.pass(2 * time.Hour)
		b.restart() // it is on disk as well
		b.pass(2 * time.Hour)
		require.Empty(t, b.runs())
		b.join("lab")
		b.pass(time.Minute)
		require.Len(t, b.runs(), 1, "what was missed is made up for")

		b.join("elsewhere")
		b.stop()
		b.until("2000-01-02 08:00:00")
		b.start()
		b.join("lab")
		b.pass(time.Minute)
		require.Len(t, b.runs(), 1, "what came while it was not of this host was not missed")
	})
}

// The groups are not known any more, for a while, on a host that runs.
func TestGroupsThatAreNotKnownAnyMore(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 0 3 * * *", Target: wire.Target{Groups: []string{"lab"}}})
		b.job(wire.Manifest{})
		b.groups = []string{"lab"}
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 03:10:00")
		b.join()
		b.mu.Lock()
		b.groups = nil
		close(b.regroup)
		b.regroup = make(chan struct{})
		b.mu.Unlock()
		b.pass(time.Hour)
		b.join("lab")
		b.until("2000-01-02 02:00:00")
		require.Len(t, b.runs(), 1)
		b.until("2000-01-02 04:00:00")
		require.Len(t, b.runs(), 2)
	})
}

// Rows that were edited, added and removed while the agent did not run, and while it
// had no broker.
func TestRowsThatChangedMeanwhile(t *testing.T) {
	for name, away := range map[string]func(b *bench, change func()){
		"did not run": func(b *bench, change func()) { b.stop(); change(); b.start() },
		"no broker": func(b *bench, change func()) {
			b.online = false
			change()
			b.online = true
			for _, bucket := range []string{wire.BucketSchedules, wire.BucketJobs} {
				wanted, _ := b.keys[bucket]()
				b.show(bucket, wanted)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{ID: "edited", JobID: "a", Cron: "0 0 3 * * *"})
				b.schedule(wire.Schedule{ID: "removed", JobID: "a", Cron: "0 0 3 * * *"})
				b.schedule(wire.Schedule{ID: "same", JobID: "b", Cron: "0 0 5 * * *"})
				b.job(wire.Manifest{ID: "a"})
				b.job(wire.Manifest{ID: "b"})
			}, func(t *testing.T, b *bench) {
				b.pass(time.Hour)
				away(b, func() {
					b.schedule(wire.Schedule{ID: "edited", JobID: "a", Cron: "0 0 4 * * *"})
					b.put(wire.BucketSchedules, "removed", "")
					b.schedule(wire.Schedule{ID: "added", JobID: "c", Cron: "0 0 6 * * *"})
					b.job(wire.Manifest{ID: "b", Version: "2"})
					b.job(wire.Manifest{ID: "c", Version: "3"})
					b.pass(time.Minute)
				})
				b.until("2000-01-02 02:00:00")
				require.Equal(t, []string{"2000-01-01 04:00:00", "2000-01-01 05:00:00", "2000-01-01 06:00:00"}, b.times())
				var versions []string
				for _, f := range b.runs() {
					versions = append(versions, f.ID+f.Version)
				}
				require.Equal(t, []string{"a1", "b2", "c3"}, versions)
			})
		})
	}
}

// A refusal that there was a result for is not answered again after a restart, nor
// after a crash; one whose result may never have come is.
func TestARefusalIsAnsweredOnceOverRestarts(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *"})
		b.job(wire.Manifest{})
		b.scripts["j"] = wire.ScriptState{Revoked: true}
		b.exit = func(wire.Command) (int32, bool) { return wire.ExitRevoked, true }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:10:30")
		require.Len(t, b.runs(), 1)
		b.restart()
		b.pass(10 * time.Minute)
		b.crash()
		b.start()
		b.pass(10 * time.Minute)
		require.Len(t, b.runs(), 1)
		b.job(wire.Manifest{Version: "2"})
		b.mu.Lock()
		b.closed = true // it does not come to the command path
		b.mu.Unlock()
		b.restart()
		b.pass(time.Minute)
		b.crash()
		b.mu.Lock()
		b.closed = false
		b.mu.Unlock()
		b.start()
		b.pass(10 * time.Minute)
		require.Len(t, b.runs(), 2, "another version is another question")
	})
}

// The bounds of a cooldown: equal is enough.
func TestTheBoundOfACooldown(t *testing.T) {
	for cooldown, want := range map[string]int{"59m59s": 4, "1h": 4, "1h 1s": 2} {
		t.Run(cooldown, func(t *testing.T) {
			runOne(t, wire.Schedule{Cron: "0 0 * * * *", Mode: wire.OncePerPC, Cooldown: cooldown}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 04:30:00")
				require.Len(t, b.runs(), want)
			})
		})
	}
}
