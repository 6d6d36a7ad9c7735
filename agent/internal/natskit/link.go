package natskit

import (
	"context"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Link knows since when the connection has been lost. Staleness is counted from
// that moment, not from when the connection was made.
type Link struct {
	transport retry.Transport

	mu        sync.Mutex
	connected bool
	ever      bool
	since     time.Time // of the last change
}

// NewLink returns a link that has never been connected until Run sees it.
func NewLink(t retry.Transport) *Link {
	return &Link{transport: t, since: time.Now()}
}

// Closed is closed when the connection is closed for good. If the transport
// cannot tell it is nil, which blocks for ever.
func (l *Link) Closed() <-chan struct{} {
	if t, ok := l.transport.(interface{ Closed() <-chan struct{} }); ok {
		return t.Closed()
	}
	return nil
}

// Run follows the transport until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	for {
		connected, changed := l.transport.State()
		l.note(connected)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (l *Link) note(connected bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if connected != l.connected {
		l.connected, l.since = connected, time.Now()
	}
	l.ever = l.ever || connected
}

// Offline returns how long the connection has been lost: 0 while it is up,
// wire.NeverConnected before the first one.
func (l *Link) Offline() time.Duration {
	connected, _ := l.transport.State() // fresher than what Run noted
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case connected || l.connected: // or lost so lately that Run has not noted it
		return 0
	case !l.ever:
		return wire.NeverConnected
	}
	return time.Since(l.since)
}

// Since returns the state and when it began.
func (l *Link) Since() (connected bool, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected, l.since
}
