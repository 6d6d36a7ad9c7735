//go:build darwin || freebsd || dragonfly

package agent

import "golang.org/x/sys/unix"

// blockSize is the unit in which blocks are counted.
func blockSize(s *unix.Statfs_t) uint64 {
	return uint64(s.Bsize) //nolint:unconvert // types differ between systems
}
