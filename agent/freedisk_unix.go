//go:build linux || darwin || freebsd || dragonfly

package agent

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// diskSize is the size of the file system of dir, in bytes.
func diskSize(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	blocks, size := uint64(s.Blocks), blockSize(&s) //nolint:unconvert // types differ between systems
	return int64(min(blocks, math.MaxInt64/max(size, 1)) * size), nil
}
