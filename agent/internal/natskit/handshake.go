package natskit

import (
	"net"
	"sync/atomic"
	"time"
)

// handshaking is a connection that tells when its handshake is over: nats.go then
// takes the deadline away, before anybody can see that it is connected. Its
// callbacks come later, when [Conn.Prove] must not close it any more.
type handshaking struct {
	net.Conn
	dialer *dialer
}

func (h handshaking) SetDeadline(t time.Time) error {
	if t.IsZero() {
		h.dialer.shake(nil)
		h.dialer.made.Store(true)
	}
	return h.Conn.SetDeadline(t)
}

func (h handshaking) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if n > 0 {
		h.dialer.last.heard()
	}
	return n, err
}

// handshake is what is known of the last one.
type handshake struct {
	began atomic.Int64 // Unix time in ns
	spoke atomic.Bool  // the other side did
}

func (s *handshake) begin() {
	s.spoke.Store(false)
	s.began.Store(time.Now().UnixNano())
}

func (s *handshake) heard() {
	if !s.spoke.Load() {
		s.spoke.Store(true)
	}
}

// wasCostly tells of one that has failed: a broker spoke, or was too busy to. What
// hangs up at once and in silence is something before a broker that is away.
func (s *handshake) wasCostly() bool {
	return s.spoke.Load() || time.Since(time.Unix(0, s.began.Load())) >= quickMax
}
