//go:build unix

package logs

import (
	"os"

	"golang.org/x/sys/unix"
)

// openShared opens a file that others may move aside meanwhile. It follows no link and
// waits for no pipe, be one put there since it was looked at.
func openShared(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}
