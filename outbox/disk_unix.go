//go:build linux || darwin || freebsd || dragonfly

package outbox

import (
	"math"
	"syscall"
)

// freeDisk returns how many bytes an ordinary user can still write to the file
// system of dir.
func freeDisk(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &diskError{dir, err}
	}
	blocks, size := uint64(s.Bavail), uint64(s.Bsize) //nolint:unconvert // types differ between systems
	if int64(blocks) < 0 {                            // a reserve that root has used up
		return 0, nil
	}
	return int64(min(blocks, math.MaxInt64/max(size, 1)) * size), nil
}
