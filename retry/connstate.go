package retry

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// connState is the last known state of a connection. It is kept here because nats.go holds its lock while it dials, so
// asking it may block for as long as a dial takes.
type connState struct {
	mu        sync.Mutex
	connected bool
	changed   chan struct{}
	looked    chan struct{} // closed after the first look at the connection
	closed    chan struct{} // closed when the connection is, for good
}

func (s *connState) get() (connected bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected, s.changed
}

func (s *connState) set(connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected == connected {
		return
	}
	s.connected = connected
	close(s.changed)
	s.changed = make(chan struct{})
}

// firstLook is how long FromNATS waits to hear the state of a connection. One whose lock is held, for a write to a server that
// does not read, tells later, and counts as down until then.
const firstLook = 2 * time.Second

// track keeps the state up to date and returns when nc is closed. It uses a status listener of its own, so the handlers that
// were set on nc stay in place. The listener is registered before the first look, so no change falls between the two.
func (s *connState) track(nc *nats.Conn) {
	events := nc.StatusChanged()
	defer nc.RemoveStatusListener(events)
	s.set(nc.IsConnected())
	closed := nc.IsClosed()
	close(s.looked)
	if closed {
		close(s.closed)
		return
	}
	s.follow(events, nc.Status)
}

func (s *connState) awaitFirstLook() {
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	select {
	case <-s.looked:
	case <-timer.C:
	}
}

func newConnState(connected bool) *connState {
	return &connState{
		connected: connected, changed: make(chan struct{}), looked: make(chan struct{}), closed: make(chan struct{}),
	}
}

// follow returns when the connection is closed. now is the connection's status at the time of the call.
func (s *connState) follow(events <-chan nats.Status, now func() nats.Status) {
	defer close(s.closed)
	for status := range events {
		// nats.go drops events while the buffer is full. If it may have been, the queued ones are stale: ask.
		if len(events) >= cap(events)-1 {
			discard(events)
			status = now()
		}
		s.set(isUp(status))
		if status == nats.CLOSED {
			return
		}
	}
}

func discard(events <-chan nats.Status) {
	for {
		select {
		case <-events:
		default:
			return
		}
	}
}

func isUp(s nats.Status) bool {
	return s == nats.CONNECTED || s == nats.DRAINING_SUBS || s == nats.DRAINING_PUBS
}
