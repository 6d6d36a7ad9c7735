package examples_test

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

const exeSuffix = ".exe"

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
