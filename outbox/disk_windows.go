package outbox

import (
	"math"
	"strings"

	"golang.org/x/sys/windows"
)

// freeDisk returns how many bytes the user of this process can still write to
// the volume of dir, quotas included.
func freeDisk(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(volumePath(dir))
	if err != nil {
		return 0, &diskError{dir, err}
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, &diskError{dir, err}
	}
	return int64(min(free, math.MaxInt64)), nil
}

// volumePath ends with a backslash: without one, the system does not take the name
// of a share.
func volumePath(dir string) string { return strings.TrimRight(dir, `\/`) + `\` }
