package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// startSync starts the writing of what is dirty: ext4 gives a file its blocks then,
// so that the first sync of several commits the metadata of all of them.
func startSync(f *os.File) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) {
		_ = unix.SyncFileRange(int(fd), 0, 0, unix.SYNC_FILE_RANGE_WRITE) // the sync tells
	})
}
