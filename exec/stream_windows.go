package exec

import (
	"errors"
	"time"
	"unsafe"

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
		if s.err != nil {
			s.readRest()
		}
	}
}

// BOOL PeekNamedPipe(HANDLE, LPVOID, DWORD, LPDWORD, LPDWORD available, LPDWORD), which takes anonymous pipes, too:
// https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe
var procPeekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")

// available is how many bytes can be read without waiting; an error is the end.
func (s *stream) available() (n uint32, err error) {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		if ok, _, callErr := procPeekNamedPipe.Call(fd, 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0); ok == 0 {
			err = callErr
		}
	})
	return n, errors.Join(controlErr, err)
}

// readRest takes what is in the pipe, without waiting: on a busy host the reader may not have come to it in time.
func (s *stream) readRest() {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	for taken := 0; taken < maxRest; {
		there, err := s.available()
		if errors.Is(err, windows.ERROR_BROKEN_PIPE) {
			s.err = nil // the end
		}
		if err != nil || there == 0 {
			return
		}
		n, err := s.file.Read(buf[:min(int(there), len(buf))])
		s.take(buf[:n])
		taken += n
		if err != nil {
			return
		}
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
