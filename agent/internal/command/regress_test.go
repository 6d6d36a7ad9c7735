package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	osexec "os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// A request ID that the outbox refuses as a name (more than 1,024 bytes) blocks
// the one loop of verdicts, and with it the verdicts of all other commands.
func TestALongRequestIDIsAnsweredAndBlocksNobody(t *testing.T) {
	dir := t.TempDir()
	run(t, nil, func(t *testing.T, b *bench) {
		box, err := outbox.Open(dir)
		require.NoError(t, err)
		defer func() { require.NoError(t, box.Close()) }()
		b.service.perform.sink = sinkFunc(func(ctx context.Context, r outbox.Record) error {
			if err := box.Put(ctx, r); err != nil {
				return err
			}
			return b.sink.Put(ctx, r)
		})
		late := func(id string) wire.Command {
			c := request(id)
			c.DeadlineAt = time.Now().Add(-time.Second)
			return c
		}
		long := late("x")
		data, err := long.Encode()
		require.NoError(t, err)
		id := strings.Repeat("a", 1025)
		b.deliver([]byte(strings.Replace(string(data), `"request_id":"x"`, `"request_id":"`+id+`"`, 1)))
		b.send(late("innocent"))
		time.Sleep(time.Hour)
		synctest.Wait()
		_, innocent := b.sink.result("innocent")
		_, answered := b.sink.result(wire.ResultID(id, "PC-1"))
		assert.True(t, innocent, "the verdict of another command never comes")
		assert.True(t, answered, "no result for the long id")
	})
}

type sinkFunc func(context.Context, outbox.Record) error

func (f sinkFunc) Put(ctx context.Context, r outbox.Record) error { return f(ctx, r) }

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

// prune forgets in memory only. The journal still has the old command's finish
// line, so a new command under a forgotten request ID is finished before it
// ran, as far as the next start can see.
func TestACommandUnderAForgottenRequestIDSurvivesARestart(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	old := admission(l, "weekly", "body of weekly")
	old.Stamp = d.clock.at
	require.NoError(t, l.Record([]Admission{old}))
	require.NoError(t, l.Start(old.Key, 1))
	require.NoError(t, l.Finish(old.Key))
	d.clock.at = d.clock.at.Add(Retention + time.Hour)
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("other"), Sum{}, d.clock.at))
	l.journal.mu.Lock()
	l.prune()
	l.journal.mu.Unlock()
	require.Equal(t, Unknown, lookup(l, "weekly", "body of weekly"))
	admitOne(t, l, "weekly") // nil: on disk, and the sender gets its ack
	l = d.reopen(l)
	require.Len(t, l.Unfinished(), 1, "the acknowledged command is gone")
}

// While the disk refuses writes, every try leaves its bytes in pending.
func TestADeadDiskDoesNotEatMemory(t *testing.T) {
	d := newLedgerDir(t)
	disk := &brokenFS{FS: atomicfile.OS}
	d.fs = disk
	l := d.open()
	disk.fail(errDisk, errDisk, errDisk)
	body := strings.Repeat("x", 100<<10)
	for range 200 { // one command, delivered again every 10 s, for half an hour
		require.Error(t, l.Record([]Admission{admission(l, "r", body)}))
	}
	require.Empty(t, l.entries)
	require.Less(t, len(l.journal.pending), 1<<20)
}

// A verdict's line may be longer than what the reader takes; then the agent
// never starts again.
func TestALineThatWasWrittenCanBeRead(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	a := admission(l, "r", strings.Repeat("x", 40<<20))
	a.Result = []byte(strings.Repeat("y", 40<<20))
	require.NoError(t, l.Record([]Admission{a}))
	require.NoError(t, l.Close())
	_, _, err := OpenLedger(d.fs, d.path, "PC-1", d.clock.now)
	require.NoError(t, err)
}

// The host's clock starts in 2000 (dead battery); a live command runs; NTP sets
// the clock; the replayed copy comes. It must not run again.
func TestAClockStepForwardForgetsNothingYoung(t *testing.T) {
	d := newLedgerDir(t)
	now := d.clock.at
	l := d.open()
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("earlier"), Sum{}, now.Add(-time.Hour))) // the stream's clock is known
	d.clock.at = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	key := admitOne(t, l, "live")
	require.NoError(t, l.Start(key, 1))
	require.NoError(t, l.Finish(key))
	d.clock.at = now
	admitOne(t, l, "next") // prunes
	require.Equal(t, Duplicate, lookup(l, "live", "body of live"), "it would run a second time")
}

// One message with a stamp far ahead (a broker whose clock was wrong for a
// moment) makes everything that was finished look old.
func TestOneWrongStampForgetsNothingYoung(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	a := admission(l, "r", "body of r")
	a.Stamp = d.clock.at
	require.NoError(t, l.Record([]Admission{a}))
	require.NoError(t, l.Start(a.Key, 1))
	require.NoError(t, l.Finish(a.Key))
	require.Equal(t, Unknown, l.Lookup(l.KeyOf("other"), Sum{}, d.clock.at.AddDate(10, 0, 0)))
	d.clock.at = d.clock.at.Add(2 * time.Hour)
	admitOne(t, l, "next") // prunes
	require.Equal(t, Duplicate, lookup(l, "r", "body of r"), "it was finished two hours ago")
}

// A live command has no settlement: what the ledger cannot take at the moment
// is gone, although the log promises another delivery.
func TestALiveCommandOutlastsAShortFailureOfTheDisk(t *testing.T) {
	disk := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		disk.fail(errDisk, errDisk, errDisk)
		data, err := request("r").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Live}
		synctest.Wait()
		time.Sleep(time.Second)
		disk.fail(nil, nil, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok, "the only copy was dropped")
	})
}

// A handler that does not heed its context holds up the stop for ever.
func TestAStopEndsThoughAHandlerDoesNot(t *testing.T) {
	b := newBench(t)
	b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
		time.Sleep(24 * time.Hour)
		return exited(0, ""), nil
	}
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		b.send(request("r"))
		synctest.Wait()
		began := time.Now()
		b.stop()
		require.Less(t, time.Since(began), 20*time.Second)
		time.Sleep(25 * time.Hour) // the handler ends at last, and finds everything closed
	})
}

// With a verifier, bytes that cannot be decoded are recorded unverified: who
// cannot sign can still occupy request IDs (and fill the ledger).
func TestGarbageDoesNotOccupyARequestIDUnderAVerifier(t *testing.T) {
	run(t, func(b *bench) {
		b.verify = func(_ context.Context, r Received) error {
			if !strings.Contains(string(r.Data), `"script":"x"`) {
				return errors.New("no valid signature")
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		b.deliver([]byte(`{"request_id":"r","id":7}`)) // nobody signed that
		b.send(request("r"))                           // the true one
		synctest.Wait()
		assert.Equal(t, []string{"r"}, b.starts())
	})
}

// A verifier that panics takes the whole batch, live copies included, with it,
// and no result ever tells.
func TestAVerifierThatPanicsRefuses(t *testing.T) {
	b := newBench(t)
	b.verify = func(context.Context, Received) error { panic("bad key") }
	b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { return exited(0, ""), nil }
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(t, err)
	s := New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": b.sh}, Verify: b.verify,
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	data, err := request("r").Encode()
	require.NoError(t, err)
	in := make(chan delivery.Delivery, 1)
	settled := 0
	in <- delivery.Delivery{Data: data, Settle: func(delivery.Settlement) { settled++ }}
	close(in)
	require.NotPanics(t, func() { _ = s.Admit(t.Context(), in) })
	require.Equal(t, 1, settled)
}

// What was received before the stop is still verified; its context has ended by
// then, so nothing of it is stored and the live copies are lost.
func TestARefusalDuringTheStopIsStored(t *testing.T) {
	b := newBench(t)
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(t, err)
	box, err := outbox.Open(t.TempDir())
	require.NoError(t, err)
	s := New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: box, Shells: map[string]Shell{"sh": b.sh},
		Verify: func(context.Context, Received) error { return errors.New("no signature") },
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	data, err := request("r").Encode()
	require.NoError(t, err)
	in := make(chan delivery.Delivery, 1)
	in <- delivery.Delivery{Data: data, Source: delivery.Live}
	close(in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as admission.Stop does before it waits
	_ = s.Admit(ctx, in)
	require.Equal(t, 1, box.Stats().Pending)
}

// A kill while its command is being admitted (verified here; or waiting in the
// subscription's buffer) finds nothing and is forgotten.
func TestAKillDuringTheAdmissionIsNotLost(t *testing.T) {
	gate := make(chan struct{})
	run(t, func(b *bench) {
		gate = make(chan struct{})
		b.verify = func(context.Context, Received) error { <-gate; return nil }
	}, func(t *testing.T, b *bench) {
		data, err := request("r").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Source: delivery.Live}
		synctest.Wait()
		b.service.Kill("exec-r")
		close(gate)
		synctest.Wait()
		assert.Empty(t, b.starts())
		r, _ := b.sink.result("r")
		assert.EqualValues(t, -1, r.ExitCode)
	})
}

// A kill between arm and push finds no queue entry; the answer then waits for
// the whole jitter, although "one that waits is answered at once".
func TestAKillDuringTheCommitIsAnsweredAtOnce(t *testing.T) {
	slow := &slowFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = slow }, func(t *testing.T, b *bench) {
		c := request("r")
		c.JitterSecs = 1 << 40
		data, err := c.Encode()
		require.NoError(t, err)
		slow.delay.Store(int64(time.Second))
		b.in <- delivery.Delivery{Data: data, Source: delivery.Live}
		time.Sleep(500 * time.Millisecond) // in the sync
		b.service.Kill("exec-r")
		slow.delay.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok)
	})
}

type slowFS struct {
	atomicfile.FS
	delay atomic.Int64 // nanoseconds
}

func (f *slowFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return &slowFile{File: file, fs: f}, err
}

type slowFile struct {
	atomicfile.File
	fs *slowFS
}

func (f *slowFile) Sync() error {
	if delay := f.fs.delay.Load(); delay > 0 {
		time.Sleep(time.Duration(delay))
	}
	return f.File.Sync()
}

// A result without an end time is stored, but its file is no record.
func TestAResultOfARunIsAlwaysReadable(t *testing.T) {
	run(t, func(b *bench) {
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
			return exec.Outcome{Started: time.Now()}, nil // a runner of the embedder's
		}
	}, func(t *testing.T, b *bench) {
		b.service.perform.sink = sinkFunc(func(_ context.Context, r outbox.Record) error {
			_, err := wire.DecodeResult(r.Data)
			assert.NoError(t, err)
			return nil
		})
		b.send(request("r"))
		synctest.Wait()
	})
}

// A stop starts nothing new: what waits is for the next start, which can let it
// come to its end.
func TestAStopStartsNothing(t *testing.T) {
	for range 50 {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			b.t = t
			ledger, _, err := OpenLedger(atomicfile.OS, b.dir, "PC-1", time.Now)
			require.NoError(t, err)
			data, err := request("r").Encode()
			require.NoError(t, err)
			require.NoError(t, ledger.Record([]Admission{admission(ledger, "r", string(data))}))
			require.NoError(t, ledger.Close())
			b.ledger, _, err = OpenLedger(atomicfile.OS, b.dir, "PC-1", time.Now)
			require.NoError(t, err)
			s := New(Config{
				PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": b.sh},
				Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Slots: 2, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			})
			_, err = s.Recover()
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.Perform(ctx, time.Second)
			require.NoError(t, b.ledger.Close())
			require.Zero(t, b.sink.puts, "a command was started after the stop")
		})
	}
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

// One batch is bounded by number only. 256 commands of 1 MiB, the default
// max_payload, are one line buffer.
func TestABatchIsBoundedInBytes(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	in := make(chan delivery.Delivery, maxBatch)
	for range maxBatch {
		in <- delivery.Delivery{Data: make([]byte, 1<<20)}
	}
	var batch []Admission
	bytes := 0
	for i, x := range gatherBatch([]delivery.Delivery{<-in}, in) {
		batch = append(batch, admission(l, string(rune('a'+i%26))+string(rune('a'+i/26)), string(x.Data)))
		bytes += len(x.Data)
	}
	peak := peakHeap(func() { _ = l.Record(batch) })
	t.Logf("a batch of %d MiB, peak heap %d MiB", bytes>>20, peak>>20)
	require.Less(t, bytes, maxBacklog)
}

func peakHeap(f func()) uint64 {
	done := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		var most uint64
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	return <-peak
}

// A panic beside the script (an embedder's runner whose Find panics, a logger)
// is in a goroutine of Perform's own: it ends the whole program, and again at
// each start, for the command is still accepted.
func TestAPanicInPerformDoesNotEndTheProgram(t *testing.T) {
	if os.Getenv("KANADE_TEST_PANIC") == "" {
		cmd := osexec.Command(os.Args[0], "-test.run=^TestAPanicInPerformDoesNotEndTheProgram$")
		cmd.Env = append(os.Environ(), "KANADE_TEST_PANIC=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%.600s", out)
		return
	}
	run(t, func(b *bench) { b.sh.unavailable = nil }, func(t *testing.T, b *bench) {
		b.service.shells["sh"] = &panickyShell{Shell: b.service.shells["sh"]}
		b.send(request("r"))
		synctest.Wait()
	})
}

// panickyShell panics when it is asked the second time, before the start.
type panickyShell struct {
	Shell
	asked int
}

func (s *panickyShell) Available() error {
	if s.asked++; s.asked == 2 {
		panic("looking for the shell")
	}
	return nil
}

// The live and the replayed copy mostly come together, in one batch. The
// stream's stamp of the second one must not be lost: it is acknowledged and
// never comes again, and the host's clock decides from then on.
func TestTheStampOfACopyInTheSameBatchIsKept(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		data, err := request("r").Encode()
		require.NoError(t, err)
		stamp := time.Now().Add(-time.Hour)
		b.service.admit.admit(t.Context(), []delivery.Delivery{
			{Data: data, Source: delivery.Live},
			{Data: data, Source: delivery.Replay, Stamp: stamp},
		})
		synctest.Wait()
		b.ledger.journal.mu.Lock()
		defer b.ledger.journal.mu.Unlock()
		assert.True(t, stamp.Equal(b.ledger.entries[b.ledger.KeyOf("r")].stamp))
	})
}

// A kill that reached a waiting command is only in memory until the one loop of
// verdicts comes round to it. A stop before that forgets it, and the next start
// runs what was killed.
func TestAKilledCommandStaysKilledOverAStop(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		b.service.perform.sink = sinkFunc(func(ctx context.Context, r outbox.Record) error {
			time.Sleep(2 * time.Second) // a slow disk
			return b.sink.Put(ctx, r)
		})
		late := request("late")
		late.DeadlineAt = time.Now().Add(-time.Second)
		b.send(late) // its verdict is being stored
		c := request("r")
		c.JitterSecs = 1 << 40
		b.send(c)
		b.service.Kill("exec-r")
		b.stop()
		b.start()
		time.Sleep(8 * 24 * time.Hour)
		synctest.Wait()
		b.stop()
		assert.Empty(t, b.starts(), "it was killed before the stop")
	})
}

// An empty request ID cannot name a result's file, subject or ledger entry of
// its own: the record gets a random name, so nothing waits for the ledger.
func TestAnEmptyRequestIDIsNotRun(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.deliver([]byte(`{"id":"job","version":"1","request_id":"","shell":"sh","script":"x","timeout_secs":1}`))
		synctest.Wait()
		assert.Empty(t, b.starts())
	})
}

// One admission that cannot be encoded must not leave its neighbours' lines
// behind: they were refused, so nothing of them may be found at the next start.
func TestARefusedBatchLeavesNoLines(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	long := admission(l, "long", strings.Repeat("x", 80<<20)) // 107 MiB as a line
	if err := l.Record([]Admission{admission(l, "neighbour", "body"), long}); err == nil {
		return // it fits, or is split off: fine
	}
	admitOne(t, l, "next")
	l = d.reopen(l)
	require.Len(t, l.Unfinished(), 1, "the neighbour was refused and is there all the same")
}

// A kill that came just before the stop took its command out of the queue; if
// the loop of verdicts ends without looking again, the kill is forgotten and the
// next start runs the command.
func TestAKillRightBeforeAStopIsNotForgotten(t *testing.T) {
	for range 20 {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			b.t = t
			b.start()
			c := request("r")
			c.JitterSecs = 1 << 40
			b.send(c)
			b.service.Kill("exec-r")
			b.stop()
			b.start()
			time.Sleep(8 * 24 * time.Hour)
			synctest.Wait()
			b.stop()
			require.Empty(t, b.starts(), "it was killed before the stop")
		})
	}
}

// A host without an EXEC stream that restarts every day never forgets anything:
// the age of what has no stamp starts at zero with each process. After 100,000
// commands the ledger is full for good.
func TestAHostThatRestartsDailyForgetsToo(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.NoError(t, l.Finish(admitOne(t, l, "first day")))
	for range 60 {
		l.uptime = func() time.Duration { return 23 * time.Hour }
		d.clock.at = d.clock.at.Add(24 * time.Hour)
		require.NoError(t, l.Record(nil)) // prunes
		l = d.reopen(l)
	}
	require.Equal(t, Unknown, lookup(l, "first day", "body of first day"), "two months old")
}

// A full backlog is a passing fault, unlike a full ledger: what is live must be
// held until commands have run, not dropped.
func TestALiveCommandOutlastsAFullBacklog(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.ledger.maxBacklog = 1000
		waits := request("waits")
		waits.Script = strings.Repeat("x", 900)
		waits.JitterSecs = 1 << 40
		b.send(waits)
		data, err := request("live").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Live}
		synctest.Wait()
		b.service.Kill("exec-waits") // makes room
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("live")
		assert.True(t, ok, "the only copy was dropped")
	})
}

// A panic whose verdict the ledger cannot take at that moment leaves the command
// in no queue: no result until somebody restarts the agent.
func TestAPanicWhileTheDiskFailsIsAnsweredLater(t *testing.T) {
	disk := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		sh := &spoilingShell{Shell: b.service.shells["sh"], disk: disk}
		b.service.shells["sh"] = sh
		b.send(request("r"))
		time.Sleep(time.Minute)
		disk.fail(nil, nil, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok)
	})
}

// spoilingShell panics when it is asked the second time, and the disk fails.
type spoilingShell struct {
	Shell
	disk  *brokenFS
	asked atomic.Int32
}

func (s *spoilingShell) Available() error {
	if s.asked.Add(1) == 2 {
		s.disk.fail(errDisk, errDisk, errDisk)
		panic("looking for the shell")
	}
	return nil
}
