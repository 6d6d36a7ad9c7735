package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// startSync starts the writing of what is dirty: ext4 gives a file its blocks then,
// so that the first sync of several commits the metadata of all of them.
func startSync(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var started error
	if err := c.Control(func(fd uintptr) {
		started = unix.SyncFileRange(int(fd), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}); err != nil {
		return err
	}
	if errors.Is(started, unix.ENOSYS) || errors.Is(started, unix.EINVAL) || errors.Is(started, unix.ESPIPE) || errors.Is(started, unix.EPERM) {
		return nil // no such call here; the sync does all
	}
	return os.NewSyscallError("sync_file_range", started)
}
