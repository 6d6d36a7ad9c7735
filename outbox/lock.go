package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// lockName is not the name of any record, and the reference release does not
// look at it. The file stays when the lock goes: removing it would let two
// processes lock two files of one name.
const lockName = ".lock"

// lockFolder holds the folder until the file it returns is closed, be it by the
// end of the process.
func lockFolder(fsys atomicfile.FS, dir string) (atomicfile.File, error) {
	f, err := fsys.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|lockFlags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func lockFile(f atomicfile.File) error {
	c, ok := f.(syscall.Conn)
	if !ok {
		return nil // see WithFS
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var lockErr error
	if err := raw.Control(func(fd uintptr) { lockErr = tryLock(fd) }); err != nil {
		return err
	}
	return lockErr
}
