package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// fakeShell runs a function.
type fakeShell struct {
	run         func(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error)
	unavailable error
	repeatable  bool
}

func (s *fakeShell) Available() error { return s.unavailable }
func (s *fakeShell) Repeatable() bool { return s.repeatable }

func (s *fakeShell) Run(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
	return s.run(ctx, c, attempt)
}

// fakeSink keeps what was put, the first of each name, as an outbox does.
type fakeSink struct {
	mu   sync.Mutex
	put  map[string]wire.Result
	puts int
	err  error
}

func (s *fakeSink) Put(_ context.Context, r outbox.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	if s.err != nil {
		return s.err
	}
	if _, ok := s.put[r.Name]; ok {
		return nil
	}
	result, err := wire.DecodeResult(r.Data)
	if err != nil {
		return err
	}
	s.put[r.Name] = result
	return nil
}

func (s *fakeSink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeSink) result(name string) (wire.Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.put[name]
	return r, ok
}

// fakeEvents notes what it is told; reported lines are stored unless it is full.
type fakeEvents struct {
	mu       sync.Mutex
	started  map[string]time.Time
	emitted  []string
	observed []string
	full     bool
}

func (e *fakeEvents) Started(_ context.Context, c wire.Command, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.started == nil {
		e.started = make(map[string]time.Time)
	}
	e.started[c.RequestID] = at
}

func (e *fakeEvents) Emit(_ context.Context, _ wire.Command, stdout string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.emitted = append(e.emitted, stdout)
	return !e.full
}

func (e *fakeEvents) Observe(_ context.Context, kind string, _ map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.observed = append(e.observed, kind)
}

// bench is a command path over fakes, in virtual time.
type bench struct {
	t       *testing.T
	dir     string
	ledger  *Ledger
	sink    *fakeSink
	sh      *fakeShell
	events  *fakeEvents
	offline time.Duration
	verify  Verify
	grace   time.Duration
	fs      atomicfile.FS

	service *Service
	in      chan delivery.Delivery
	cancel  context.CancelFunc
	loops   sync.WaitGroup

	mu      sync.Mutex
	started []string
	settled []delivery.Settlement
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), grace: 10 * time.Second, fs: atomicfile.OS}
	b.sink = &fakeSink{put: make(map[string]wire.Result)}
	b.events = &fakeEvents{}
	b.sh = &fakeShell{run: func(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
		return exited(0, "ran "+c.RequestID), nil
	}}
	return b
}

func exited(code int, stdout string) exec.Outcome {
	now := time.Now()
	return exec.Outcome{Code: code, Stdout: []byte(stdout), Started: now, Finished: now}
}

// start is a start of the agent; whatever the last run left is recovered.
func (b *bench) start() {
	b.t.Helper()
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(b.t, err)
	recorded := *b.sh
	recorded.run = func(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
		b.mu.Lock()
		b.started = append(b.started, c.RequestID)
		b.mu.Unlock()
		return b.sh.run(ctx, c, attempt)
	}
	b.service = New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": &recorded},
		Verify: b.verify, Events: b.events, Offline: func() time.Duration { return b.offline }, Slots: 2, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(b.t.Output(), nil)),
	})
	_, err = b.service.Recover()
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.in = cancel, make(chan delivery.Delivery)
	b.loops.Go(func() { _ = b.service.Admit(ctx, b.in) })
	b.loops.Go(func() { _ = b.service.Perform(ctx, b.grace) })
}

// stop is an orderly stop.
func (b *bench) stop() {
	b.t.Helper()
	close(b.in)
	b.cancel()
	b.loops.Wait()
	require.NoError(b.t, b.ledger.Close())
}

func (b *bench) deliver(data []byte) {
	b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Replay, Settle: func(s delivery.Settlement) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settled = append(b.settled, s)
	}}
	synctest.Wait()
}

func (b *bench) send(c wire.Command) {
	b.t.Helper()
	data, err := c.Encode()
	require.NoError(b.t, err)
	b.deliver(data)
}

func (b *bench) settlements() []delivery.Settlement {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled
}

func (b *bench) starts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started
}

func (b *bench) result(name string) wire.Result {
	b.t.Helper()
	synctest.Wait()
	r, ok := b.sink.result(name)
	require.True(b.t, ok, "no result of %s", name)
	return r
}

func request(id string) wire.Command {
	return wire.Command{ID: "job", Version: "1", RequestID: id, ExecID: "exec-" + id, Shell: "sh", Script: "x", TimeoutSecs: 60}
}

// run is a test in virtual time over a started bench.
func run(t *testing.T, prepare func(*bench), test func(*testing.T, *bench)) {
	t.Helper()
	b := newBench(t) // outside the bubble: its folder outlives it
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		if prepare != nil {
			prepare(b)
		}
		b.start()
		test(t, b)
		b.stop()
	})
}

func TestOneResultAndOneStartWhateverArrives(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for range 3 {
			b.send(request("r"))
		}
		require.Equal(t, "ran r", b.result("r").Stdout)
		other := request("r")
		other.Script = "something else"
		b.send(other)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, []delivery.Settlement{delivery.Ack, delivery.Ack, delivery.Ack, delivery.Ack}, b.settlements())
		status := b.service.Status()
		require.EqualValues(t, 2, status.Duplicates)
		require.EqualValues(t, 1, status.Conflicts)
		require.Equal(t, []string{"command_admission_conflict"}, b.events.observed)
		b.stop()
		b.start()
		b.send(request("r"))
		require.Equal(t, []string{"r"}, b.starts(), "a restart does not forget")
	})
}

func TestCopiesInOneBatchAreOneCommand(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		same, err := request("r").Encode()
		require.NoError(t, err)
		changed := request("r")
		changed.Script = "y"
		other, err := changed.Encode()
		require.NoError(t, err)
		var answers []delivery.Settlement
		settle := func(s delivery.Settlement) { answers = append(answers, s) }
		b.service.admit.admit(t.Context(), []delivery.Delivery{
			{Data: same, Settle: settle}, {Data: same, Settle: settle}, {Data: other, Settle: settle},
		})
		synctest.Wait()
		require.Len(t, answers, 3)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, "ran r", b.result("r").Stdout)
		b.stop()
	})
}

func TestEveryCommandThatCannotRunIsAnswered(t *testing.T) {
	cases := map[string]struct {
		change  func(*wire.Command)
		prepare func(*bench)
		code    int32
		says    string
	}{
		"unknown shell":    {change: func(c *wire.Command) { c.Shell = "fish" }, code: -1, says: `unknown shell "fish"; this agent knows sh`},
		"shell not here":   {prepare: func(b *bench) { b.sh.unavailable = errors.New("no sh on the PATH") }, code: -1, says: "no sh on the PATH"},
		"script object":    {change: func(c *wire.Command) { c.Script, c.ScriptObject, c.ScriptObjectSHA256 = "", "a/1", "00" }, code: -1, says: "object store"},
		"another user":     {change: func(c *wire.Command) { c.RunAs = wire.RunAsUser }, code: -1, says: "Windows-only"},
		"deadline missed":  {change: func(c *wire.Command) { c.DeadlineAt = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }, code: 125, says: "starting deadline expired"},
		"strict, cut off":  {change: strict, prepare: func(b *bench) { b.offline = 2 * time.Minute }, code: 127, says: "disconnected for 2m"},
		"strict, never on": {change: strict, prepare: func(b *bench) { b.offline = wire.NeverConnected }, code: 127, says: "staleness"},
		"spawn failure": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
				return exec.Outcome{Code: -1}, errors.New("no such folder")
			}
		}, code: -1, says: "no such folder"},
		"panic": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { panic("lost it") }
		}, code: -1, says: "lost it"},
		"timeout": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
				return exec.Outcome{End: exec.EndTimeout, Code: -1, Stderr: []byte("half")}, nil
			}
		}, code: -1, says: "half\ntimeout after 60s"},
		"pipe held": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
				return exec.Outcome{Incomplete: true}, nil
			}
		}, code: 0, says: "capture ended early"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run(t, c.prepare, func(t *testing.T, b *bench) {
				cmd := request("r")
				if c.change != nil {
					c.change(&cmd)
				}
				b.send(cmd)
				r := b.result("r")
				require.Equal(t, c.code, r.ExitCode)
				require.Contains(t, r.Stderr, c.says)
				require.Equal(t, wire.ResultID("r", "PC-1"), r.ResultID)
				require.Equal(t, "exec-r", r.ExecID)
				require.False(t, r.StartedAt.IsZero())
				require.Equal(t, []delivery.Settlement{delivery.Ack}, b.settlements())
				require.Empty(t, b.ledger.Unfinished())
			})
		})
	}
}

func strict(c *wire.Command) {
	c.Staleness = wire.Staleness{Mode: wire.StalenessStrict, MaxCacheAge: "1m"}
}

func TestAnUnreadableCommandIsAnsweredIfItHasARequestID(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.deliver([]byte(`{"id":"job","request_id":"r","timeout_secs":5.0}`))
		r := b.result("r")
		require.EqualValues(t, -1, r.ExitCode)
		require.Contains(t, r.Stderr, "not run: ")
		b.deliver([]byte(`{"broken`))
		b.deliver(nil)
		require.Equal(t, []delivery.Settlement{delivery.Ack, delivery.Term, delivery.Term}, b.settlements())
		require.EqualValues(t, 2, b.service.Status().Unreadable)
	})
}

func TestARefusedCommandLeavesNoTrace(t *testing.T) {
	trusted := false
	run(t, func(b *bench) {
		b.verify = func(_ context.Context, r Received) error {
			if trusted {
				return nil
			}
			return errors.New("not signed")
		}
	}, func(t *testing.T, b *bench) {
		b.send(request("r"))
		refusal := b.result(wire.RefusalID("r", "PC-1"))
		require.EqualValues(t, 123, refusal.ExitCode)
		require.Equal(t, "refused: not signed", refusal.Stderr)
		trusted = true
		b.send(request("r"))
		require.Equal(t, "ran r", b.result("r").Stdout)
	})
}

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

func TestAResultThatCannotBeStoredIsTriedUntilItIs(t *testing.T) {
	run(t, func(b *bench) { b.sink.err = errors.New("disk full") }, func(t *testing.T, b *bench) {
		b.send(request("r"))
		time.Sleep(time.Hour)
		require.Equal(t, Counts{Started: 1}, b.ledger.Counts())
		b.sink.fail(nil)
		time.Sleep(time.Hour)
		require.Equal(t, "ran r", b.result("r").Stdout)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, Counts{Finished: 1}, b.ledger.Counts())
	})
}

func TestALedgerThatCannotBeWrittenMeansNoAckAndNoRun(t *testing.T) {
	broken := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = broken }, func(t *testing.T, b *bench) {
		broken.fail(errDisk, nil, nil)
		b.send(request("r"))
		require.Equal(t, []delivery.Settlement{delivery.Nak}, b.settlements())
		require.Empty(t, b.starts())
		b.send(request("other"))
		require.Equal(t, []string{"command_admission_unavailable"}, b.events.observed, "once, on the change")
		broken.fail(nil, nil, nil)
		b.send(request("r"))
		require.Equal(t, "ran r", b.result("r").Stdout)
	})
}

func TestAStartThatCannotBeRecordedWaits(t *testing.T) {
	broken := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = broken }, func(t *testing.T, b *bench) {
		c := request("r")
		c.JitterSecs = 3600
		b.send(c)
		broken.fail(errDisk, nil, nil)
		time.Sleep(2 * time.Hour)
		require.Empty(t, b.starts())
		broken.fail(nil, nil, nil)
		time.Sleep(time.Minute)
		require.Equal(t, "ran r", b.result("r").Stdout)
	})
}

func TestAKillReachesACommandWhereverItIs(t *testing.T) {
	block := func(b *bench) {
		b.sh.run = func(ctx context.Context, _ wire.Command, _ int) (exec.Outcome, error) {
			<-ctx.Done()
			return exec.Outcome{End: exec.EndCanceled, Code: -1, Stdout: []byte("so far")}, nil
		}
	}
	run(t, block, func(t *testing.T, b *bench) {
		jittered := request("jittered")
		jittered.JitterSecs = 1_000_000
		b.send(jittered)
		for _, id := range []string{"running", "blocking", "queued"} {
			b.send(request(id))
		}
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts())

		for _, id := range []string{"jittered", "queued", "running"} {
			b.service.Kill("exec-" + id)
			r := b.result(id)
			require.EqualValues(t, -1, r.ExitCode)
			require.Equal(t, "killed by remote signal (kill.exec-"+id+")", r.Stderr)
		}
		require.Equal(t, "so far", b.result("running").Stdout)
		b.service.Kill("exec-unknown")
		b.service.Kill("exec-running") // over already
		b.service.Kill("exec-blocking")
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts())
		b.stop()
		b.start()
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts(), "a killed command stays killed")
	})
}

func TestAStopGivesGraceThenEndsWhatRuns(t *testing.T) {
	ended := make(chan time.Duration, 2)
	run(t, func(b *bench) {
		b.sh.run = func(ctx context.Context, c wire.Command, _ int) (exec.Outcome, error) {
			began := time.Now()
			defer func() { ended <- time.Since(began) }()
			if c.RequestID == "quick" {
				time.Sleep(5 * time.Second)
				return exited(0, "done"), nil
			}
			<-ctx.Done()
			return exec.Outcome{End: exec.EndCanceled, Code: -1}, nil
		}
	}, func(t *testing.T, b *bench) {
		b.send(request("quick"))
		b.send(request("slow"))
		b.send(request("waits"))
		b.stop()
		require.Equal(t, 5*time.Second, <-ended)
		require.Equal(t, 10*time.Second, <-ended)
		require.Equal(t, "done", b.result("quick").Stdout)
		require.Equal(t, "ended because the agent stopped", b.result("slow").Stderr)
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { return exited(0, "later"), nil }
		b.start()
		require.Equal(t, "later", b.result("waits").Stdout, "what had not started runs at the next start")
	})
}

func TestSlotsBoundWhatRunsAndOrderIsKept(t *testing.T) {
	var release chan struct{}
	run(t, func(b *bench) {
		release = make(chan struct{})
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
			<-release
			return exited(0, ""), nil
		}
	}, func(t *testing.T, b *bench) {
		var want []string
		for i := range 6 {
			want = append(want, fmt.Sprint(i))
			b.send(request(want[i]))
		}
		require.ElementsMatch(t, want[:2], b.starts())
		require.Equal(t, 2, b.service.Status().Running)
		require.Equal(t, 4, b.service.Status().Waiting)
		for range want {
			release <- struct{}{}
			synctest.Wait()
		}
		started := b.starts()
		require.ElementsMatch(t, want, started)
		require.Equal(t, want[2:], started[2:])
	})
}

func TestAStartIsToldWithTheResultsTime(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.send(request("r"))
		require.True(t, b.result("r").StartedAt.Equal(b.events.started["r"]))
		late := request("late")
		late.DeadlineAt = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
		b.send(late)
		b.result("late")
		require.Len(t, b.events.started, 1, "a skipped command has not started")
	})
}

func TestReportedOutputLeavesTheResultOnlyWhenAllOfItIsStored(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		emitting := func(id string) wire.Command {
			c := request(id)
			c.Emit = &wire.EmitConfig{}
			return c
		}
		b.send(emitting("stored"))
		require.Empty(t, b.result("stored").Stdout)
		b.events.full = true
		b.send(emitting("kept"))
		require.Equal(t, "ran kept", b.result("kept").Stdout)
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { return exited(1, "failed"), nil }
		b.send(emitting("failed"))
		require.Equal(t, "failed", b.result("failed").Stdout)
		require.Equal(t, []string{"ran stored", "ran kept"}, b.events.emitted)
	})
}

func TestResultsAreContractJSON(t *testing.T) {
	r := VerdictResult(request("r"), "PC-1", Verdict{ExitCode: 125, Reason: "late"}, time.Date(2031, 1, 2, 3, 4, 5, 0, time.FixedZone("x", 3600)))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(RecordOf(r).Data, &fields))
	require.Equal(t, "2031-01-02T02:04:05Z", fields["started_at"])
	require.Equal(t, "results.r", RecordOf(r).Subject)
}
