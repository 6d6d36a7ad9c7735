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
	ask       func() (url string) // which may take its time; nil: nobody knows

	clock func() reading

	mu        sync.Mutex
	server    string
	connected bool
	ever      bool
	since     time.Time // of the last change
	began     reading   // the same
}

// NewLink returns a link that has never been connected until Run sees it. Server,
// if not nil, is asked after each connect for the URL of the server; it may take
// its time.
func NewLink(t retry.Transport, server func() (url string)) *Link {
	return &Link{transport: t, ask: server, clock: systemClock(), since: time.Now()}
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
	for was := false; ; {
		connected, changed := l.transport.State()
		if was && connected {
			l.renew() // it was lost, and is back already
		}
		l.note(connected)
		was = connected
		l.noteServer(connected)
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
		l.connected, l.since, l.began = connected, time.Now(), l.clock()
	}
	l.ever = l.ever || connected
}

func (l *Link) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.began = time.Now(), l.clock()
}

// noteServer asks beside everybody who wants to know: the answer may have to wait
// for a write to a broker that does not read.
func (l *Link) noteServer(connected bool) {
	name := ""
	if connected && l.ask != nil {
		name = ServerName(l.ask())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = name
}

// Server is the server that is connected to, without what may be secret; empty:
// none, or it is not known yet.
func (l *Link) Server() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.connected {
		return ""
	}
	return l.server
}

// Offline returns how long the connection has been lost: 0 while it is up,
// wire.NeverConnected before the first one. A sleep of the host counts, as does a
// clock that was set forward: what is known is rather too old than too new.
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
	now := l.clock()
	return max(now.mono-l.began.mono, now.wall.Sub(l.began.wall))
}

// Since returns the state and when it began.
func (l *Link) Since() (connected bool, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected, l.since
}
