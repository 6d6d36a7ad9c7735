//go:build unix

package exec

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// endBy returns when the reader has ended, which it does at the deadline at the latest.
func (s *stream) endBy(deadline time.Time) {
	if s.ended() {
		return
	}
	if err := s.file.SetReadDeadline(deadline); err != nil {
		_ = s.file.Close() // the other way to end a read
	}
	<-s.done
	if errors.Is(s.err, os.ErrDeadlineExceeded) {
		s.readRest()
	}
}

// readRest takes what is in the pipe, without waiting: on a busy host the reader may not have come to it in time.
func (s *stream) readRest() {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	_ = conn.Control(func(fd uintptr) {
		for taken := 0; taken < maxRest; {
			n, err := unix.Read(int(fd), buf[:]) // the descriptor does not block
			switch {
			case n > 0:
				s.take(buf[:n])
				taken += n
			case n == 0 && err == nil:
				s.err = nil // the end
				return
			case !errors.Is(err, unix.EINTR):
				return // nothing more yet
			}
		}
	})
}
