//go:build unix

package agent

import (
	"io"
	"os"
	"syscall"
)

// readShared reads at most limit bytes of a file. What is not one (a pipe would
// block for ever) or a link to one is not opened.
func readShared(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, limit))
}

// replace puts a file in the place of another.
func replace(from, to string) error { return os.Rename(from, to) }
