package exec

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

const (
	nativeShell = Cmd
	exeSuffix   = ".exe"
)

// helperScript is text for the native shell that runs a helper as the shell's child.
func helperScript(args ...string) string { return helperCommand(args...) }

func helperCommand(args ...string) string {
	words := append([]string{os.Args[0], "helper"}, args...)
	for i, w := range words {
		words[i] = `"` + w + `"`
	}
	return strings.Join(words, " ")
}

// forkBomb is a script of 31 processes that all hold the pipes.
func forkBomb() string { return helperScript("bomb", "4") }

// requirePrivate: Windows keeps no modes; the access list has a test of its own.
func requirePrivate(*testing.T, seen) {}

// sessionAttr: Windows has no counterpart.
func sessionAttr() *syscall.SysProcAttr { return nil }

// duplicate makes a program available under another name.
func duplicate(program, name string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o700)
}

// watchedProcess is a handle, which stays valid beyond the end of the process. The end of a connection would not do:
// Wine sometimes keeps that of a process that was terminated open.
type watchedProcess struct{ handle windows.Handle }

func watchProcess(t *testing.T, pid int) watchedProcess {
	t.Helper()
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return watchedProcess{} // it has ended already
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = windows.CloseHandle(handle) })
	return watchedProcess{handle}
}

// requireGone waits for the end of the process.
func (p *peer) requireGone() {
	p.t.Helper()
	if p.process.handle == 0 {
		return
	}
	event, err := windows.WaitForSingleObject(p.process.handle, uint32(patience.Milliseconds()))
	require.NoError(p.t, err)
	require.Equal(p.t, uint32(windows.WAIT_OBJECT_0), event, "the process lives")
}

// leaveGroup: a job object holds whatever group there is.
func leaveGroup() {}
