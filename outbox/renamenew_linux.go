package outbox

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// placeNew gives a file of the folder a name that nothing holds. As a rule it keeps the old one
// (both). On a file system without hard links the kernel renames it, if it can
// without replacing anything.
func placeNew(dir, from, to string) (both bool, err error) {
	err = linkOwn(dir, from, to)
	if err == nil || !cannotLink(err) {
		return err == nil, err
	}
	from, to = filepath.Join(dir, from), filepath.Join(dir, to)
	err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != nil {
		return false, &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return false, nil
}

// cannotLink tells an error of the file system, or of the file's owner, from one
// that a rename would meet as well.
func cannotLink(err error) bool {
	for _, other := range []error{unix.EPERM, unix.ENOTSUP, unix.ENOSYS, unix.EMLINK} {
		if errors.Is(err, other) {
			return true
		}
	}
	return false
}
