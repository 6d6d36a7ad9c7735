//go:build unix

package update

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// endsWithItsChildren has what the release starts killed with it, as long as that
// stays in its process group.
func endsWithItsChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
