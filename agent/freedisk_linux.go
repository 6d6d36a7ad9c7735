package agent

import "golang.org/x/sys/unix"

// blockSize is the unit in which Linux counts blocks. Bsize is the best size of a
// transfer there, which is larger on some file systems.
func blockSize(s *unix.Statfs_t) uint64 {
	if s.Frsize > 0 {
		return uint64(s.Frsize)
	}
	return uint64(s.Bsize)
}
