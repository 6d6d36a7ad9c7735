package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryRename returns when the move is on disk (MOVEFILE_WRITE_THROUGH), which
// stands for the folder sync that Windows does not have. os.Rename passes the
// same call without that flag.
func tryRename(oldpath, newpath string) error {
	from, err := windows.UTF16PtrFromString(oldpath)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldpath, New: newpath, Err: err}
	}
	to, err := windows.UTF16PtrFromString(newpath)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldpath, New: newpath, Err: err}
	}
	if err := windows.MoveFileEx(from, to, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: oldpath, New: newpath, Err: err}
	}
	return nil
}

func rename(oldpath, newpath string) error {
	return whileBusy(heldByAnother, func() error { return tryRename(oldpath, newpath) })
}

func remove(name string) error {
	return whileBusy(heldByAnother, func() error { return os.Remove(name) })
}

func syncDir(string) error { return nil }

// heldByAnother knows the answers that a file gives while a scanner, an indexer
// or a backup has it open. "Access denied" is also what a file gives that is
// marked for deletion but still open somewhere.
func heldByAnother(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
		errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
