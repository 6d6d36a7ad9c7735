package jstest

import "syscall"

// dieWithParent makes the kernel kill the server when the test process is gone, even after a panic or a timeout.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
