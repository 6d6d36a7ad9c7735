package retry

import (
	"sync"

	"github.com/nats-io/nats.go"
)

// transports holds the Transport of each connection that is not closed.
type transports struct {
	mu   sync.Mutex
	byNC map[*nats.Conn]*natsTransport
}

// adapted is of the whole process, as nobody tells when a Transport has had its day, while a connection may have many.
var adapted = transports{byNC: map[*nats.Conn]*natsTransport{}}

func (a *transports) get(nc *nats.Conn) *natsTransport {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.byNC[nc]; t != nil {
		return t
	}
	t := &natsTransport{nc: nc, state: newConnState(false)}
	a.byNC[nc] = t
	go func() {
		defer a.forget(nc)
		t.state.track(nc)
	}()
	return t
}

func (a *transports) forget(nc *nats.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byNC, nc)
}
