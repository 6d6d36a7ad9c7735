//go:build amd64 || arm64

package selfpipe

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// roles are what a process of its own does for a test.
var roles = map[string]func(){
	"works":        workUnderFire,
	"hears":        func() { hearAndSay() },
	"has no files": func() { useUpFiles(); hearAndSay() },
	"cannot poll":  func() { refusePolling(); hearAndSay() },
	"has stopped":  func() { Notify(make(chan os.Signal), os.Interrupt)(); raiseInterrupt(); time.Sleep(patience) },
	"has a child": func() {
		defer Notify(make(chan os.Signal), os.Interrupt, syscall.SIGTERM)()
		showChild()
	},
	"never notifies": showChild,
}

const roleVariable = "SELFPIPE_ROLE"

func TestMain(m *testing.M) {
	role, given := os.LookupEnv(roleVariable)
	if !given {
		heard := make(chan os.Signal, 1) // whoever started the tests may have these ignored
		signal.Notify(heard, os.Interrupt, syscall.SIGHUP)
		os.Exit(m.Run())
	}
	time.AfterFunc(2*patience, func() { panic("the role " + role + " does not end") })
	roles[role]()
}

func inProcess(t *testing.T, role string, before ...string) (string, error) {
	t.Helper()
	words := before
	if emulator := os.Getenv("SELFPIPE_EMULATOR"); emulator != "" { // of the processor that the test is built for
		words = append(words, emulator)
	}
	words = append(words, os.Args[0])
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

func raiseInterrupt() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		panic(err)
	}
}

// hearAndSay prints who heard the signal: the package os/signal has a goroutine then.
func hearAndSay() {
	c := make(chan os.Signal, 1)
	stop := Notify(c, os.Interrupt)
	raiseInterrupt()
	fmt.Println(<-c)
	stacks := make([]byte, 1<<20)
	if bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("os/signal.loop")) {
		fmt.Println("by os/signal")
	}
	stop()
}

func useUpFiles() {
	none := syscall.Rlimit{}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		panic(err)
	}
}

// refusePolling has the kernel refuse to wait for files, as it does when a user
// waits for too many (/proc/sys/fs/epoll/max_user_watches).
func refusePolling() {
	r, w, err := os.Pipe() // the poller itself is there
	if err != nil {
		panic(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_EPOLL_CTL},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSPC)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		panic(errno)
	}
}

// showChild prints what is blocked, ignored and caught in a child, and how many files it has.
func showChild() {
	status, err := exec.Command("cat", "/proc/self/status").Output()
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "Sig") && !strings.HasPrefix(line, "SigQ") {
			fmt.Print(line)
		}
	}
	files, err := exec.Command("ls", "/proc/self/fd").Output()
	if err != nil {
		panic(err)
	}
	fmt.Println("files:", strings.Count(string(files), "\n"))
}

func TestNoThreadWaitsForASignal(t *testing.T) {
	said, err := inProcess(t, "hears")
	require.NoError(t, err)
	require.Equal(t, "interrupt\n", said)
}

// nohup and shells start programs with signals ignored: only the runtime knows how
// to begin with such a one.
func TestAnIgnoredSignalIsHeardAllTheSame(t *testing.T) {
	said, err := inProcess(t, "hears", "sh", "-c", `trap '' INT; exec "$@"`, "sh")
	require.NoError(t, err)
	require.Equal(t, "interrupt\nby os/signal\n", said)
}

func TestWithoutAPipeItIsTheRuntime(t *testing.T) {
	said, err := inProcess(t, "has no files")
	require.NoError(t, err)
	require.Equal(t, "interrupt\nby os/signal\n", said)
}

func TestWithoutPollingItIsTheRuntime(t *testing.T) {
	said, err := inProcess(t, "cannot poll")
	require.NoError(t, err)
	require.Equal(t, "interrupt\nby os/signal\n", said)
}

func TestAStoppedSignalEndsTheProcess(t *testing.T) {
	_, err := inProcess(t, "has stopped")
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, syscall.SIGINT, ended.Sys().(syscall.WaitStatus).Signal())
}

// A script has to be able to be ended: nothing is blocked, ignored or caught in it.
func TestAChildHasTheSystemsOwnHandling(t *testing.T) {
	with, err := inProcess(t, "has a child")
	require.NoError(t, err)
	without, err := inProcess(t, "never notifies")
	require.NoError(t, err)
	require.Equal(t, without, with)
	require.Contains(t, with, "SigBlk:\t0000000000000000\n")
	require.Contains(t, with, "SigCgt:\t0000000000000000\n")
}
