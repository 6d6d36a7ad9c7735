package outbox

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// A scanner that holds the file lets go after some milliseconds.
const (
	busyTries = 20
	busyPause = 100 * time.Millisecond
)

// renameNew does not pass MOVEFILE_REPLACE_EXISTING, so a name that is taken is
// ERROR_ALREADY_EXISTS, which is fs.ErrExist.
func renameNew(from, to string) error {
	for try := 1; ; try++ {
		err := moveFile(from, to)
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
		if !busy || try == busyTries {
			return err
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
