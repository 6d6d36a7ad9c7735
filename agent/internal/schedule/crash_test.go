package schedule

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// The agent dies after the fire is on disk and before the command path has it.
func TestACrashBeforeTheHandOver(t *testing.T) {
	for _, c := range []struct {
		schedule wire.Schedule
		want     int
	}{
		{wire.Schedule{}, 0},
		{wire.Schedule{StartingDeadline: "1h"}, 1},
		{wire.Schedule{Mode: wire.OncePerPC}, 1},
	} {
		t.Run(fmt.Sprint(c.schedule.Mode, c.schedule.StartingDeadline), func(t *testing.T) {
			run(t, func(b *bench) {
				c.schedule.Cron = "0 0 1 * * *"
				b.schedule(c.schedule)
				b.job(wire.Manifest{})
				b.closed = true
			}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 01:00:00")
				require.Equal(t, 1, b.Status().Running)
				b.crash()
				b.mu.Lock()
				b.closed = false
				b.mu.Unlock()
				b.start()
				b.until("2000-01-01 02:00:00")
				require.Len(t, b.runs(), c.want)
				if c.want > 0 {
					require.Equal(t, idOf("request", fireName("PC-1", "s", at(2000, 1, 0), at(2000, 0, 0))), b.runs()[0].RequestID)
				}
			})
		})
	}
}

// The agent dies after the command path has the command; its end comes later.
func TestACrashWhileItRuns(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 */10 * * * *", Mode: wire.OncePerPC})
		b.job(wire.Manifest{})
		b.exit = func(wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:11:00")
		b.crash()
		b.start()
		b.until("2000-01-01 00:31:00")
		require.Len(t, b.runs(), 1, "it still runs")
		require.Zero(t, seen(b, &b.repeated))
		b.finish(b.Service, b.runs()[0].RequestID, 0)
		b.crash() // what was done is on disk already
		b.start()
		b.until("2000-01-01 02:00:00")
		require.Len(t, b.runs(), 1)
	})
}

// The agent dies in the moment in which the command path has the command: what
// fires was on disk before that.
func TestACrashAtTheHandOver(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 */10 * * * *"})
		b.job(wire.Manifest{})
		b.exit = func(wire.Command) (int32, bool) { return 0, false }
	}, func(t *testing.T, b *bench) {
		b.until("2000-01-01 00:10:00")
		require.Len(t, b.runs(), 1)
		b.crash()
		b.start()
		b.until("2000-01-01 00:45:00")
		require.Len(t, b.runs(), 1, "it still runs")
		require.EqualValues(t, 3, b.Status().Overlapped)
		b.finish(b.Service, b.runs()[0].RequestID, 0)
		b.until("2000-01-01 00:55:00")
		require.Len(t, b.runs(), 2)
	})
}

// The agent dies after the end of a run, before it is written that it is over.
func TestACrashAfterARun(t *testing.T) {
	for code, want := range map[int32]int{0: 1, 1: 2} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			run(t, func(b *bench) {
				b.schedule(wire.Schedule{Cron: "0 */10 * * * *", Mode: wire.OncePerPC})
				b.job(wire.Manifest{})
				b.exit = func(wire.Command) (int32, bool) { return code, true }
			}, func(t *testing.T, b *bench) {
				b.until("2000-01-01 00:10:00")
				b.crash()
				b.start()
				b.until("2000-01-01 00:25:00")
				require.Len(t, b.runs(), want, "the same fire is a duplicate, the next one is not")
				ids := map[string]bool{}
				for _, f := range b.runs() {
					ids[f.RequestID] = true
				}
				require.Len(t, ids, want)
				require.Zero(t, b.Status().Running)
			})
		})
	}
}

var errFull = errors.New("disk full")

func TestNothingFiresThatCannotBeRecorded(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 * * * * *"}, func(t *testing.T, b *bench) {
		b.pass(61 * time.Second)
		require.Len(t, b.runs(), 1)
		b.disk.Fail(b.disk.Steps()+1, b.disk.Steps()+20, errFull)
		b.pass(10 * time.Minute)
		require.GreaterOrEqual(t, b.problems("disk full"), 1)
		require.Greater(t, len(b.runs()), 4, "it fires again when the disk is mended")
		require.Less(t, len(b.runs()), 11)
		require.Empty(t, b.Status().Problems)
		ids := map[string]bool{}
		for _, f := range b.runs() {
			require.False(t, ids[f.RequestID])
			ids[f.RequestID] = true
		}
	})
}

// What was done is known before anything fires: a file that cannot be read is not
// one that is not there.
func TestCompletionsThatCannotBeReadYet(t *testing.T) {
	run(t, func(b *bench) {
		b.schedule(wire.Schedule{Cron: "0 * * * * *", Mode: wire.OncePerPC})
		b.job(wire.Manifest{})
		require.NoError(t, atomicfile.WriteFile(b.disk, "/state/"+CompletionsFile, []byte(`{"s::j":"1999-01-01T00:00:00Z"}`), 0o600))
		b.unreadable = CompletionsFile
	}, func(t *testing.T, b *bench) {
		b.pass(30 * time.Minute)
		require.Empty(t, b.runs())
		require.Len(t, b.Status().Problems, 1)
		b.life.mend()
		b.pass(30 * time.Minute)
		require.Empty(t, b.runs())
		require.Equal(t, 1, b.problems("nothing fires until it can be read"))
		require.Empty(t, b.Status().Problems)
		last, _ := b.done.get("s::j")
		require.Equal(t, 1999, last.Year())
	})
}

// Power is cut at every step of the writes of two completions.
func TestCompletionsSurviveLostPower(t *testing.T) {
	t.Parallel()
	suite(t, func(m *faultfs.Mutant) (faultfs.Promise, error) {
		c := &completions{fs: m, path: "/state/" + CompletionsFile, read: true}
		err := errors.Join(m.FS.MkdirAll("/state", 0o700), m.FS.SyncDir("/"))
		saved := 0
		for n := 1; n <= 2 && err == nil; n++ {
			c.set(fmt.Sprint("s::", n), at(2000, n, 0))
			if err = c.save(); err == nil {
				saved = n
			}
			_ = m.Do("told", func() error { return nil })
		}
		if m.Cut() {
			err = nil
		}
		return faultfs.Promise{Of: fmt.Sprint(saved), Check: func(found *faultfs.FS) error {
			c := &completions{fs: found, path: c.path}
			warning, err := c.load()
			for n := 1; n <= saved; n++ {
				if _, ok := c.get(fmt.Sprint("s::", n)); !ok {
					err = errors.Join(err, fmt.Errorf("%d is lost", n))
				}
			}
			return errors.Join(warning, err)
		}}, err
	})
}

func suite(t *testing.T, scenario func(*faultfs.Mutant) (faultfs.Promise, error)) {
	t.Helper()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		s := &faultfs.Suite{
			Model: model, Scenario: scenario, Class: path.Base,
			Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/statefile", "github.com/kanade-go/kanade/agent/internal/schedule"},
		}
		require.NoError(t, s.Prove())
	}
}

// Power is cut at every step of a fire and its end, on a host whose clock was set
// back: what is handed over is in flight, and what was told to be done is done, since
// when it was.
func TestAFireSurvivesLostPower(t *testing.T) {
	t.Parallel()
	day := time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)
	back := day.Add(-240 * time.Hour)
	service := func(disk atomicfile.FS, now func() time.Time) *Service {
		return New(Config{
			PCID: "PC-1", Dir: "/state/schedule", Completions: "/state/" + CompletionsFile, FS: disk, Now: now,
			Logger: slog.New(slog.DiscardHandler), Pending: func(string) bool { return true },
		})
	}
	suite(t, func(m *faultfs.Mutant) (faultfs.Promise, error) {
		err := errors.Join(m.FS.MkdirAll("/state", 0o700), m.FS.SyncDir("/"))
		now := day
		s := service(m, func() time.Time { return now })
		s.Load()
		now = back
		s.now()
		s.enter("id", flight{Key: "s", Completion: "s::j", Once: true, Due: back})
		handed := false
		if err == nil {
			err = s.saveState()
			handed = err == nil
		}
		_ = m.Do("told", func() error { return nil })
		ended := false
		if handed {
			s.Finished("id", 0)
			ended = !s.dirty && !s.done.unsaved()
		}
		_ = m.Do("told", func() error { return nil })
		if m.Cut() {
			err = nil
		} else if err == nil && !ended {
			err = errors.New("it was not written")
		}
		return faultfs.Promise{Of: fmt.Sprint(handed, ended), Check: func(found *faultfs.FS) error {
			s := service(found, func() time.Time { return back })
			s.Load()
			_, inFlight := s.runs["id"]
			last, done := s.done.get("s::j")
			switch {
			case ended && (!done || !s.doneAt["s::j"].Wall.Equal(last) || s.doneAt["s::j"].Counted.Before(day.Add(-slew))):
				return fmt.Errorf("done %v at %v, by the count at %v", done, last, s.doneAt["s::j"])
			case handed && !ended && !inFlight && !done && s.doneAt["s::j"].Wall.IsZero():
				return errors.New("it is not in flight")
			}
			return nil
		}}, err
	})
}
