package exec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// canClone3 tells whether this process may start others in a cgroup. Filters of system calls, such as that of
// RestrictNamespaces= in a systemd unit, cannot look into the arguments of clone3 and forbid all of it. clone3(2): EINVAL is
// the answer to arguments of no length.
func canClone3() error {
	_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
	if errno != unix.EINVAL {
		return fmt.Errorf("no process can be started in a cgroup: clone3: %w", errno)
	}
	return nil
}
