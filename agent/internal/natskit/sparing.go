package natskit

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// sparing is a connection that sets the timer of a write deadline only for a write
// that has to wait. nats.go puts a deadline around each write and takes it back at
// once, but a timer that was taken back still wakes an idle process when its time
// comes: twice as often as the writes alone do.
type sparing struct {
	net.Conn
	raw syscall.RawConn

	mu       sync.Mutex
	deadline time.Time // of writes
	waiting  int       // writes that the connection does not take at once
}

// spare returns conn as it is where it cannot be written to without waiting.
func spare(conn net.Conn) net.Conn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return conn
	}
	return &sparing{Conn: conn, raw: raw}
}

func (s *sparing) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

func (s *sparing) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	if s.waiting == 0 {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}

func (s *sparing) Write(p []byte) (int, error) {
	n := 0
	if !s.late() {
		n = writeNow(s.raw, p)
	}
	if n > 0 && n == len(p) {
		return n, nil
	}
	if err := s.wait(); err != nil {
		return n, err
	}
	defer s.waited()
	more, err := s.Conn.Write(p[n:])
	return n + more, err
}

func (s *sparing) late() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.deadline.IsZero() && time.Until(s.deadline) <= 0
}

func (s *sparing) wait() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting++
	if s.waiting > 1 {
		return nil
	}
	return s.Conn.SetWriteDeadline(s.deadline)
}

func (s *sparing) waited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting--; s.waiting == 0 {
		_ = s.Conn.SetWriteDeadline(time.Time{}) // closed: nobody writes any more
	}
}
