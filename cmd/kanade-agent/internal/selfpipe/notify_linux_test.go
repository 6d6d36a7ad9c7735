//go:build amd64 || arm64

package selfpipe

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const patience = time.Minute

func raise(t *testing.T, number syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), number))
}

func requireHeard(t *testing.T, c <-chan os.Signal, number syscall.Signal) {
	t.Helper()
	select {
	case heard := <-c:
		require.Equal(t, number, heard)
	case <-time.After(patience):
		t.Fatalf("%v was not heard", number)
	}
}

func TestEachHearsItsSignals(t *testing.T) {
	one, two := make(chan os.Signal, 1), make(chan os.Signal, 1)
	stopOne := Notify(one, syscall.SIGUSR1)
	defer stopOne()
	defer Notify(two, syscall.SIGUSR2, syscall.SIGHUP)()
	for range 10 {
		raise(t, syscall.SIGUSR1)
		requireHeard(t, one, syscall.SIGUSR1)
		raise(t, syscall.SIGUSR2)
		requireHeard(t, two, syscall.SIGUSR2)
		raise(t, syscall.SIGHUP)
		requireHeard(t, two, syscall.SIGHUP)
	}
	require.Panics(t, func() { Notify(one, syscall.SIGUSR2) })
	stopOne()
	again := make(chan os.Signal, 1)
	defer Notify(again, syscall.SIGUSR1)()
	stopOne() // a second time, and not the other's
	raise(t, syscall.SIGUSR1)
	requireHeard(t, again, syscall.SIGUSR1)
	require.Empty(t, one)
}

func actionOf(t *testing.T, number syscall.Signal) (a action) {
	t.Helper()
	require.NoError(t, changeAction(number, nil, &a))
	return a
}

// What os/signal is asked for afterwards, it hears: everything is as it was.
func TestAStoppedSignalIsTheRuntimesAgain(t *testing.T) {
	before, meanwhile := actionOf(t, syscall.SIGUSR1), action{}
	ours, theirs := make(chan os.Signal, 1), make(chan os.Signal, 1)
	for range 100 {
		stop := Notify(ours, syscall.SIGUSR1)
		meanwhile = actionOf(t, syscall.SIGUSR1)
		stop()
	}
	require.NotEqual(t, before.handler, meanwhile.handler)
	meanwhile.handler = before.handler
	require.Equal(t, before, meanwhile)
	require.Equal(t, before, actionOf(t, syscall.SIGUSR1))
	signal.Notify(theirs, syscall.SIGUSR1)
	defer signal.Stop(theirs)
	raise(t, syscall.SIGUSR1)
	requireHeard(t, theirs, syscall.SIGUSR1)
	require.Empty(t, ours)
}

// What is not taken is left to os/signal as a whole.
func TestAllOrNothingIsTaken(t *testing.T) {
	before := actionOf(t, syscall.SIGUSR1)
	c := make(chan os.Signal, 1)
	stop := Notify(c, syscall.SIGUSR1, syscall.SIGWINCH)
	defer stop()
	require.Equal(t, before, actionOf(t, syscall.SIGUSR1))
	raise(t, syscall.SIGUSR1)
	requireHeard(t, c, syscall.SIGUSR1)
	raise(t, syscall.SIGWINCH)
	requireHeard(t, c, syscall.SIGWINCH)
	stop()

	every := make(chan os.Signal, 100) // with others that come by themselves
	defer Notify(every)()
	raise(t, syscall.SIGUSR2)
	require.Eventually(t, func() bool { return <-every == syscall.SIGUSR2 }, patience, time.Millisecond)
}

// An ignored signal, and one whose handler would run on a goroutine's stack, are left
// to the runtime.
func TestOnlyTheRuntimesHandlerIsReplaced(t *testing.T) {
	original := actionOf(t, syscall.SIGUSR1)
	onGoroutine := original
	onGoroutine.flags &^= onStack
	require.NoError(t, changeAction(syscall.SIGUSR1, &onGoroutine, nil))
	stop := Notify(make(chan os.Signal), syscall.SIGUSR1)
	require.Equal(t, onGoroutine, actionOf(t, syscall.SIGUSR1))
	stop()
	require.NoError(t, changeAction(syscall.SIGUSR1, &original, nil))

	signal.Ignore(syscall.SIGUSR1)
	c := make(chan os.Signal, 1)
	defer Notify(c, syscall.SIGUSR1)()
	require.Equal(t, original.handler, actionOf(t, syscall.SIGUSR1).handler)
	raise(t, syscall.SIGUSR1)
	requireHeard(t, c, syscall.SIGUSR1)
}

// What came until the end is offered, and what came before the beginning is not.
func TestBeginningAndEnd(t *testing.T) {
	defer Notify(make(chan os.Signal), syscall.SIGUSR2)() // there is a pipe
	process.mu.Lock()                                     // nobody else offers
	defer process.mu.Unlock()
	c := make(chan os.Signal, 1)
	atomic.OrUint64(&pending, 1<<syscall.SIGUSR1) // by a handler that was late
	require.True(t, process.take(syscall.SIGUSR1, c))
	process.offer()
	require.Empty(t, c)
	raise(t, syscall.SIGUSR1)
	require.Eventually(t, func() bool { return atomic.LoadUint64(&pending) != 0 }, patience, time.Millisecond)
	process.giveBack([]os.Signal{syscall.SIGUSR1})
	require.Len(t, c, 1)
}

// Any number of one signal does not keep another out.
func TestAFullPipeLosesNothing(t *testing.T) {
	full, other := make(chan os.Signal), make(chan os.Signal, 1)
	defer Notify(full, syscall.SIGUSR1)()
	defer Notify(other, syscall.SIGUSR2)()
	raw, err := process.read.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		_, err := unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 4096)
		require.NoError(t, err)
	}))
	process.mu.Lock() // nobody reads more than one piece of the pipe
	for range 5000 {
		raise(t, syscall.SIGUSR1)
	}
	raise(t, syscall.SIGUSR2)
	process.mu.Unlock()
	requireHeard(t, other, syscall.SIGUSR2)
}

// One listens, and loses nothing, while others come and go.
func TestOthersComeAndGo(t *testing.T) {
	stays := make(chan os.Signal, 1)
	defer Notify(stays, syscall.SIGUSR1)()
	done := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(done)
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				Notify(make(chan os.Signal), syscall.SIGUSR2, syscall.SIGHUP)()
			}
		}
	})
	for range 300 {
		raise(t, syscall.SIGUSR1)
		requireHeard(t, stays, syscall.SIGUSR1)
	}
}
