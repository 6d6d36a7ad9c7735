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
		h.dialer.last.over.Store(true)
		h.dialer.made.Store(true)
	}
	return h.Conn.SetDeadline(t)
}

func (h handshaking) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.dialer.last.read(p[:n])
	return n, err
}

// handshake is what is known of the last one, and of those before it since nats.go
// asked for a delay.
type handshake struct {
	began  atomic.Int64 // Unix time in ns
	spoke  atomic.Bool  // the other side did
	over   atomic.Bool  // what is read from now on comes over a connection that stands
	told   atomic.Bool  // its failure is known
	failed atomic.Bool  // one before it, although the other side spoke

	why atomic.Pointer[string] // the other side hangs up, in its words
}

func (s *handshake) begin() {
	if s.spoke.Swap(false) && !s.told.Load() {
		s.failed.Store(true)
	}
	s.told.Store(false)
	s.over.Store(false)
	s.why.Store(nil)
	s.began.Store(time.Now().UnixNano())
}

// read is told of each one. nats.go reads from a connection that stands, and not from
// one whose handshake has failed.
func (s *handshake) read(p []byte) {
	switch {
	case s.over.Load():
		s.succeeded()
	case len(p) > 0:
		s.spoke.Store(true)
		if why := refusalIn(p); why != "" {
			s.why.Store(&why)
		}
	}
}

// succeeded: there is a connection.
func (s *handshake) succeeded() {
	if s.spoke.Load() || s.failed.Load() {
		s.spoke.Store(false)
		s.failed.Store(false)
	}
}

// endRound reports that some server of the round spoke and did not take the login.
func (s *handshake) endRound() (failed bool) {
	now := !s.told.Swap(true) && s.spoke.Load()
	return s.failed.Swap(false) || now
}

// wasCostly tells of one that has failed: a broker spoke, or was too busy to. What
// hangs up at once and in silence is something before a broker that is away.
func (s *handshake) wasCostly() bool {
	return s.spoke.Load() || time.Since(time.Unix(0, s.began.Load())) >= quickMax
}
