//go:build unix

package inventory

import (
	"os/exec"
	"syscall"
)

// apart gives the child a process group of its own.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killTree kills the child and all of its group. The number of a group is not given
// to another one as long as somebody is in it.
func killTree(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have ended
