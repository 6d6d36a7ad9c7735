//go:build unix

package outbox

import (
	"os"
	"syscall"
)

// openShared does not follow a link and does not wait for a pipe.
func openShared(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
