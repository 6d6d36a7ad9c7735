//go:build unix

package update

import "os"

// managed: systemd and launchd are process 1, and so is what a container runs or the
// small parent that it gets. Under another supervisor nobody can tell, and every
// start counts.
func managed() bool { return os.Getppid() == 1 || os.Getpid() == 1 }
