package command

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// longRuns lets commands whose ID begins with "long" run until the returned
// function is called, or they are ended.
func longRuns(b *bench) (release func()) {
	over := make(chan struct{})
	b.sh.run = func(ctx context.Context, c wire.Command, _ int) (exec.Outcome, error) {
		if strings.HasPrefix(c.RequestID, "long") {
			select {
			case <-over:
			case <-ctx.Done():
			}
		}
		return exited(0, "ran "+c.RequestID), nil
	}
	return sync.OnceFunc(func() { close(over) })
}

// quickThenLong marks four commands ahead and lets two long ones take the slots.
func quickThenLong(b *bench) (waiting []string) {
	b.send(request("quick"))
	time.Sleep(time.Minute)
	b.send(request("long1"))
	b.send(request("long2"))
	for i := range 4 {
		waiting = append(waiting, fmt.Sprint("w", i))
		b.send(request(waiting[i]))
	}
	synctest.Wait()
	return waiting
}

// A command that is marked ahead hears a kill wherever it stands in the line for
// a slot, and the others keep their order.
func TestAKillReachesACommandAnywhereInTheLineForASlot(t *testing.T) {
	var release func()
	run(t, func(b *bench) { release = longRuns(b) }, func(t *testing.T, b *bench) {
		waiting := quickThenLong(b)
		require.Greater(t, b.service.perform.ahead.Load(), int64(2), "several stand in the line")
		for _, id := range []string{waiting[2], waiting[1]} {
			b.service.Kill("exec-" + id)
			require.Equal(t, wire.KilledNote("exec-"+id), b.result(id).Stderr)
		}
		require.Equal(t, 2, b.service.Status().Waiting)
		require.Equal(t, 2, b.service.Status().Running)
		b.service.Kill("exec-long1") // one slot, so that the order shows
		synctest.Wait()
		require.Equal(t, []string{"quick", "long1", "long2", waiting[0], waiting[3]}, b.starts())
		release()
	})
}

// While commands are not quick one is marked at a time, also when those before
// it were killed.
func TestKillsDoNotMakeMoreCommandsBeMarkedAhead(t *testing.T) {
	var release func()
	run(t, func(b *bench) { release = longRuns(b) }, func(t *testing.T, b *bench) {
		waiting := quickThenLong(b)
		b.service.perform.quick.Store(false)
		for i := range 20 {
			id := fmt.Sprint("late", i)
			waiting = append(waiting, id)
			b.send(request(id))
		}
		marked := b.ledger.Counts().Started
		for i, id := range waiting[:len(waiting)-1] {
			b.service.Kill("exec-" + id)
			require.EqualValues(t, -1, b.result(id).ExitCode)
			require.LessOrEqual(t, b.ledger.Counts().Started, max(marked-i-1, 3), "after the kill of %s", id)
		}
		release()
		require.Equal(t, "ran late19", b.result("late19").Stdout)
	})
}

// While the agent stops, kills still come in. A command that was marked ahead
// waits for the next start then, unless it was killed.
func TestAKillDuringAStopReachesACommandThatWaitedForASlot(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		release := longRuns(b)
		b.start()
		waiting := quickThenLong(b)
		b.cancel() // commands end beside the intake
		synctest.Wait()
		b.service.Kill("exec-" + waiting[1])
		synctest.Wait()
		release()
		b.stop()
		require.NotContains(t, b.starts(), waiting[0])
		b.start()
		require.EqualValues(t, -1, b.result(waiting[1]).ExitCode)
		require.Equal(t, "ran "+waiting[0], b.result(waiting[0]).Stdout)
		b.stop()
		require.NotContains(t, b.starts(), waiting[1])
	})
}

// A kill at the same moment as the stop is heard by one side or the other.
func TestAKillBesideAStopIsNotForgotten(t *testing.T) {
	for range 50 {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			b.t = t
			release := longRuns(b)
			b.start()
			waiting := quickThenLong(b)
			var together sync.WaitGroup
			together.Go(b.cancel)
			together.Go(func() { b.service.Kill("exec-" + waiting[0]) })
			together.Wait()
			release()
			b.stop()
			b.start()
			synctest.Wait()
			b.stop()
			require.NotContains(t, b.starts(), waiting[0])
		})
	}
}

// asked is a sink without room that does something when it is asked for some.
type asked struct {
	*fakeSink
	do func()
}

func (s asked) Room() error { s.do(); return errNoRoom }

// A kill between the decision to run and the return to the queue finds the
// command nowhere.
func TestAKillOfACommandThatIsBeingPutBackIsNotForgotten(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		c := request("r")
		c.JitterSecs = 60
		killed := make(chan struct{})
		kill := sync.OnceFunc(func() { b.service.Kill("exec-r"); close(killed) })
		b.service.perform.sink = asked{b.sink, kill}
		b.send(c)
		<-killed
		synctest.Wait()
		b.stop() // before it is decided about again
		b.start()
		time.Sleep(time.Hour)
		require.EqualValues(t, -1, b.result("r").ExitCode)
		b.stop()
		require.Empty(t, b.starts())
	})
}

// hookFS asks a function before each sync of a file.
type hookFS struct {
	atomicfile.FS
	sync func() error
}

func (f *hookFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return hookFile{file, f}, err
}

type hookFile struct {
	atomicfile.File
	fs *hookFS
}

func (f hookFile) Sync() error {
	if err := f.fs.sync(); err != nil {
		return err
	}
	return f.File.Sync()
}

// The same for a command whose mark could not be written.
func TestAKillWhileTheMarkCannotBeWrittenIsNotForgotten(t *testing.T) {
	fs := &hookFS{FS: atomicfile.OS, sync: func() error { return nil }}
	b := newBench(t)
	b.fs = fs
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		c := request("r")
		c.JitterSecs = 60
		b.send(c)
		killed, failures := make(chan struct{}), 0
		b.service.queue.mu.Lock() // orders the hook before the due command
		fs.sync = func() error {
			switch failures++; failures {
			case 1: // of the mark
				b.service.Kill("exec-r")
				return errDisk
			case 2: // of the new file
				close(killed)
				return errDisk
			}
			return nil
		}
		b.service.queue.mu.Unlock()
		<-killed
		synctest.Wait()
		b.stop()
		b.start()
		time.Sleep(time.Hour)
		require.EqualValues(t, -1, b.result("r").ExitCode)
		b.stop()
		require.Empty(t, b.starts())
	})
}

// Without a grace the commands have ended before the last kills come in.
func TestAKillAfterTheGraceReachesWhatWasPutBack(t *testing.T) {
	b := newBench(t)
	b.grace = 0
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		c := request("r")
		c.JitterSecs = 60
		overtaken := make(chan struct{})
		stop := sync.OnceFunc(func() {
			b.cancel()
			time.Sleep(time.Second)
			close(overtaken)
		})
		b.service.perform.sink = asked{b.sink, stop}
		b.send(c)
		<-overtaken
		synctest.Wait()
		b.service.Kill("exec-r")
		b.stop()
		b.start()
		time.Sleep(time.Hour)
		require.EqualValues(t, -1, b.result("r").ExitCode)
		b.stop()
		require.Empty(t, b.starts())
	})
}

// A kill that comes after the agent has given up on a marked command, and before
// the command is in the queue again, is in its latch only.
func TestAKillWhileAMarkIsTakenBackIsNotForgotten(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.cancel()
		synctest.Wait() // nobody takes from the queue any more
		data, err := request("r").Encode()
		require.NoError(t, err)
		a := admission(b.ledger, "r", string(data))
		require.NoError(t, b.ledger.Record([]Admission{a}))
		b.service.runs.arm("exec-r", a.Key)
		stop, end := context.WithCancelCause(t.Context())
		r := newCandidate(item{key: a.Key, attempt: 1})
		b.service.perform.prepare(t.Context(), stop, []*candidate{r})
		require.True(t, r.marked)
		end(errStopped)
		b.service.Kill("exec-r")
		_, answered := b.service.perform.finish(stop, r)
		require.False(t, answered)
		payload, ok := b.ledger.Verdict(a.Key)
		require.True(t, ok)
		verdict, err := wire.DecodeResult(payload)
		require.NoError(t, err)
		require.Equal(t, wire.KilledNote("exec-r"), verdict.Stderr)
	})
}
