package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// A scanner that holds the file lets go after some milliseconds.
const (
	busyTries = 20
	busyPause = 100 * time.Millisecond
)

// placeNew renames a file of the folder; both is false. It does not pass
// MOVEFILE_REPLACE_EXISTING, so a name that is taken is ERROR_ALREADY_EXISTS,
// which is fs.ErrExist. NTFS journals the rename as one operation, and the call
// returns when it is on disk: nobody can make half of it durable.
func placeNew(dir, from, to string) (both bool, err error) {
	from, to = filepath.Join(dir, from), filepath.Join(dir, to)
	for try := 1; ; try++ {
		err = moveFile(from, to)
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
		if !busy || try == busyTries {
			return false, err
		}
		time.Sleep(busyPause)
	}
}

func moveFile(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	fresh, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	if err := windows.MoveFileEx(old, fresh, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
