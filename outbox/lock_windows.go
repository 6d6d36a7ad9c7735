package outbox

import (
	"errors"

	"golang.org/x/sys/windows"
)

// lockFlags: making a link needs a privilege here.
const lockFlags = 0

// tryLock locks the first byte of the file. The lock belongs to the handle: a
// second Open in this process is refused too.
func tryLock(fd uintptr) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}
