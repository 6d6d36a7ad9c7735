//go:build !linux && !darwin && !windows

package inventory

import "runtime/debug"

// limitMemory makes the collector go easy on memory.
func limitMemory(bytes int64) error {
	debug.SetMemoryLimit(bytes / 4 * 3)
	return nil
}
