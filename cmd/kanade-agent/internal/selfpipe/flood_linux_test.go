//go:build amd64 || arm64

package selfpipe

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Signals hit threads at any moment: in Go code, in the collector, in system calls,
// between fork and exec. Nobody but the listener notices.
func TestSignalsWhileTheProgramWorks(t *testing.T) {
	said, err := inProcess(t, "works")
	require.NoError(t, err)
	require.Equal(t, "all heard\n", said)
}

// workUnderFire panics when its work does not come out as it should.
func workUnderFire() {
	c := make(chan os.Signal, 1)
	defer Notify(c, syscall.SIGUSR1)()
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, work := range []func(){goDeep, runProgram} {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					work()
				}
			}
		})
	}
	for range 100 {
		raiseAtEveryThread()
		<-c
	}
	close(done)
	all.Wait()
	fmt.Println("all heard")
}

func goDeep() {
	if deep(100) != 100 {
		panic("the stack is not as it was")
	}
	runtime.GC()
}

// deep uses as much stack as a goroutine has, and more.
func deep(n int) int {
	var room [64]byte
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + 1
}

func runProgram() {
	if out, err := exec.Command("echo", "here").Output(); err != nil || string(out) != "here\n" {
		panic(fmt.Sprintf("%q, %v", out, err))
	}
}

func raiseAtEveryThread() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		panic(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			panic(err)
		}
		_ = syscall.Tgkill(os.Getpid(), id, syscall.SIGUSR1) // it may have ended
	}
}
