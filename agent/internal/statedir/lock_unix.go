//go:build unix

package statedir

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long a lock may outlive its owner: a child that a dying process
// has forked holds it until its exec. So may somebody who only looks ([Held]).
const lockPatience = 2 * time.Second

// lockFile takes an flock, which the kernel releases when the process dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("statedir: open lock: %w", err)
	}
	if err = flock(f); err == nil {
		return f, nil
	}
	closeErr := f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	}
	return nil, errors.Join(fmt.Errorf("statedir: lock %s: %w", path, err), closeErr)
}

func flock(f *os.File) error {
	for until := time.Now().Add(lockPatience); ; {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(until) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func held(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) // closing the file gives it back
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
