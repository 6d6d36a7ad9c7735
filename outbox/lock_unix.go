//go:build unix

package outbox

import (
	"errors"
	"syscall"
)

// tryLock uses flock, which belongs to the open file: a second Open in this
// process is refused too.
func tryLock(fd uintptr) error {
	for {
		err := syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrLocked
		}
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
