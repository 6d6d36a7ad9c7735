//go:build unix

package outbox

import (
	"errors"
	"syscall"
	"time"
)

// lockFlags refuses a link: it would have the lock, and a new file, somewhere else.
const lockFlags = syscall.O_NOFOLLOW

// lockPatience is how long a lock may outlive its owner: a child that the owner
// has forked holds it, too, until its exec.
const lockPatience = 2 * time.Second

// tryLock uses flock, which belongs to the open file: a second Open in this
// process is refused too.
func tryLock(fd uintptr) error {
	for until := time.Now().Add(lockPatience); ; {
		err := syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return err
		case time.Now().After(until):
			return ErrLocked
		default:
			time.Sleep(10 * time.Millisecond)
		}
	}
}
