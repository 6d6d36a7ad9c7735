package agent

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/windows"
)

// diskSize is the size of the volume of dir, in bytes, as far as the user of this
// process may fill it: with quotas it is the quota.
func diskSize(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(volumePath(dir))
	if err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	var size uint64
	if err := windows.GetDiskFreeSpaceEx(name, nil, &size, nil); err != nil {
		return 0, fmt.Errorf("size of the disk of %s: %w", dir, err)
	}
	return int64(min(size, math.MaxInt64)), nil
}

// volumePath ends with a backslash: without one, the system does not take the name
// of a share.
func volumePath(dir string) string { return strings.TrimRight(dir, `\/`) + `\` }
