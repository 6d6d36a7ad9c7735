package inventory

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart keeps a console window from flashing up in a user's session.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}

// killTree kills the child: what it started ends with it, see limitMemory.
func killTree(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // it may have ended
