package examples_test

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	exeSuffix = ".exe"
	shell     = "powershell"
	failing   = "'one'; 'two'; [Console]::Error.WriteLine('oops'); exit 3"
)

// lasting creates a file and goes on for long.
func lasting(file string) string {
	return "New-Item -ItemType File '" + file + "' | Out-Null; Start-Sleep 600"
}

// interruptible gives the process a group of its own: a console event goes to a
// whole group.
func interruptible() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// interrupt sends Ctrl-Break, because Ctrl-C is off in a new group. Go reports
// both as os.Interrupt.
func interrupt(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}
