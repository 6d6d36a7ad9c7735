package agent

import (
	"fmt"
	"math"

	"golang.org/x/sys/windows"
)

// diskSize is the size of the volume of dir, in bytes, as far as the user of this
// process may fill it: with quotas it is the quota.
func diskSize(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	var size uint64
	if err := windows.GetDiskFreeSpaceEx(name, nil, &size, nil); err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	return int64(min(size, math.MaxInt64)), nil
}
