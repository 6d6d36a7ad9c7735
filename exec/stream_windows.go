package exec

import (
	"time"

	"golang.org/x/sys/windows"
)

// endBy returns when the reader has ended, which it does shortly after the deadline at the latest.
func (s *stream) endBy(deadline time.Time) {
	if s.ended() {
		return
	}
	grace := time.NewTimer(time.Until(deadline))
	defer grace.Stop()
	select {
	case <-s.done:
	case <-grace.C:
		s.interrupt()
	}
}

// interrupt cancels reads until the reader has noticed. Anonymous pipes have no deadlines on Windows, and one
// CancelIoEx can fall between two reads, where it cancels nothing.
func (s *stream) interrupt() {
	s.stop.Store(true)
	for {
		s.cancelRead()
		select {
		case <-s.done:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *stream) cancelRead() {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_ = windows.CancelIoEx(windows.Handle(fd), nil)
	})
}
