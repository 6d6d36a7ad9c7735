//go:build unix

package update

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// startWithChildren starts a release in a process group of its own. What is in it is
// killed with it, and what is left of it at the end.
func startWithChildren(cmd *exec.Cmd) (end func(), err error) {
	kill := func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = kill
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() { _ = kill() }, nil // nothing is left, as a rule
}
