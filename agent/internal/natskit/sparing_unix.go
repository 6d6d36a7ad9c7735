//go:build unix

package natskit

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// writeNow writes what the socket takes without waiting, and says how much that is.
// What keeps it from more the next, ordinary write finds too.
func writeNow(raw syscall.RawConn, p []byte) (n int) {
	err := raw.Write(func(fd uintptr) bool {
		n, _ = unix.Write(int(fd), p)
		return true // also when it would have to wait
	})
	if err != nil {
		return 0
	}
	return max(n, 0)
}
