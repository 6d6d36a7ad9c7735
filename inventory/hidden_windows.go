package inventory

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// hidden keeps a console window from flashing up in a user's session.
func hidden(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}
