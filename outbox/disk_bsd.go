//go:build darwin || freebsd || dragonfly

package outbox

import "syscall"

// blockSize is the unit in which blocks are counted.
func blockSize(s *syscall.Statfs_t) uint64 {
	return uint64(s.Bsize) //nolint:unconvert // types differ between systems
}
