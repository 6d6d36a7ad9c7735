package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
		"limit": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
				return exec.Outcome{End: exec.EndLimit, Limit: exec.LimitMemory, Code: -1}, nil
			}
		}, code: -1, says: "beyond its memory limit"},
		"blocked": {prepare: func(b *bench) {
			b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
				return exec.Outcome{Code: 1, Blocked: "a policy refused the script", Language: "ConstrainedLanguage"}, nil
			}
		}, code: 1, says: "a policy refused the script\nthis host runs PowerShell in ConstrainedLanguage mode"},
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

func TestResultsAreContractJSON(t *testing.T) {
	r := VerdictResult(request("r"), "PC-1", Verdict{ExitCode: 125, Reason: "late"}, time.Date(2031, 1, 2, 3, 4, 5, 0, time.FixedZone("x", 3600)))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(RecordOf(r).Data, &fields))
	require.Equal(t, "2031-01-02T02:04:05Z", fields["started_at"])
	require.Equal(t, "results.r", RecordOf(r).Subject)
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
