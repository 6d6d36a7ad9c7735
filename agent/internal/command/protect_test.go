package command

import (
	"os"
	osexec "os/exec"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

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

// spoilingShell panics when it is asked for the given time, and the disk fails.
type spoilingShell struct {
	Shell
	disk  *brokenFS
	at    int32
	asked atomic.Int32
}

// The times at which a command's shell is asked for.
const (
	atAdmission int32 = iota + 1
	beforeTheMark
	beforeTheStart
)

func (s *spoilingShell) Available() error {
	if s.asked.Add(1) == s.at {
		s.disk.fail(errDisk, errDisk, errDisk)
		panic("looking for the shell")
	}
	return nil
}

// A panic whose verdict the ledger cannot take at that moment must not leave the
// command in no queue, nor in one from which it never starts: no result would
// come until somebody restarts the agent.
func TestAPanicWhileTheDiskFailsIsAnsweredLater(t *testing.T) {
	for name, at := range map[string]int32{"accepted": beforeTheMark, "started": beforeTheStart} {
		t.Run(name, func(t *testing.T) {
			disk := &brokenFS{FS: atomicfile.OS}
			run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
				b.service.shells["sh"] = &spoilingShell{Shell: b.service.shells["sh"], disk: disk, at: at}
				b.send(request("r"))
				time.Sleep(time.Minute)
				_, early := b.sink.result("r")
				require.False(t, early, "the ledger does not have it")
				disk.fail(nil, nil, nil)
				time.Sleep(time.Minute)
				r := b.result("r")
				require.EqualValues(t, wire.ExitFailed, r.ExitCode)
				require.Contains(t, r.Stderr, "looking for the shell")
				require.Equal(t, wire.ResultID("r", "PC-1"), r.ResultID)
				require.Empty(t, b.starts())
				require.Equal(t, Counts{Finished: 1}, b.ledger.Counts())
				b.send(request("r"))
				require.Equal(t, []delivery.Settlement{delivery.Ack, delivery.Ack}, b.settlements())
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.sink.puts)
			})
		})
	}
}

// A crash before the ledger has the answer: what was started is interrupted.
func TestAPanicThatTheLedgerNeverHeardOfIsInterrupted(t *testing.T) {
	disk := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		b.service.shells["sh"] = &spoilingShell{Shell: b.service.shells["sh"], disk: disk, at: beforeTheStart}
		b.send(request("r"))
		time.Sleep(time.Minute)
		b.stop()
		disk.fail(nil, nil, nil)
		b.start()
		require.EqualValues(t, wire.ExitInterrupted, b.result("r").ExitCode)
		require.Empty(t, b.starts())
	})
}

// Whatever brings the ledger and the queue apart, the command must not go round
// for ever.
func TestACommandThatTheLedgerDoesNotLetStartIsInterrupted(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := request("r")
		c.JitterSecs = 3600
		b.send(c)
		require.NoError(t, b.ledger.Start(b.ledger.KeyOf("r"), 1)) // behind the queue's back
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, wire.ExitInterrupted, b.result("r").ExitCode)
		require.Empty(t, b.starts())
	})
}
