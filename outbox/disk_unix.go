//go:build linux || darwin || freebsd || dragonfly

package outbox

import (
	"math"
	"os"
	"syscall"
)

// freeDisk returns how many bytes this process can still write to the file
// system of dir.
func freeDisk(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &diskError{dir, err}
	}
	return freeOf(&s, os.Geteuid() == 0), nil
}

// freeOf counts the reserve of the file system for root alone.
func freeOf(s *syscall.Statfs_t, root bool) int64 {
	blocks, size := uint64(s.Bavail), blockSize(s) //nolint:unconvert // types differ between systems
	if root {
		blocks = uint64(s.Bfree) //nolint:unconvert // as above
	}
	if int64(blocks) < 0 { // a reserve that root has used up
		return 0
	}
	return int64(min(blocks, math.MaxInt64/max(size, 1)) * size)
}
