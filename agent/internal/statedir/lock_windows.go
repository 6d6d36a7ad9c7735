package statedir

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// lockPatience is how long a lock may be somebody's who only looks ([Held]), or
// outlive its owner.
const lockPatience = 2 * time.Second

// lockFile takes an exclusive lock on the first byte, which Windows releases
// when the process dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("statedir: open lock: %w", err)
	}
	for until := time.Now().Add(lockPatience); ; {
		err = lockByte(f, windows.LOCKFILE_EXCLUSIVE_LOCK)
		if !errors.Is(err, windows.ERROR_LOCK_VIOLATION) || time.Now().After(until) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		closeErr := f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, fmt.Errorf("%w: %s", ErrLocked, path)
		}
		return nil, errors.Join(fmt.Errorf("statedir: lock %s: %w", path, err), closeErr)
	}
	return f, nil
}

func lockByte(f *os.File, how uint32) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
}

func held(f *os.File) (bool, error) {
	err := lockByte(f, 0) // shared; closing the file gives it back
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return true, nil
	}
	return false, err
}
