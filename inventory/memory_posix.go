//go:build linux || darwin

package inventory

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// limitMemory makes the collector go easy on memory before the limit, and die of
// an allocation beyond it.
func limitMemory(bytes int64) error {
	debug.SetMemoryLimit(bytes / 4 * 3)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return err
	}
	limit.Cur = min(uint64(max(bytes, 0)), limit.Max)
	return unix.Setrlimit(unix.RLIMIT_DATA, &limit)
}
