package jstest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is a bad network between clients and a broker: a TCP relay that delays, freezes, loses and cuts on command. It
// knows nothing of NATS. Its methods may be called from any goroutine.
type Proxy struct {
	target   string
	listener net.Listener
	ended    context.Context // at the end of the test
	running  sync.WaitGroup

	mu     sync.Mutex
	delay  time.Duration
	thawed chan struct{} // closed while nothing is frozen
	open   map[*relay]struct{}
}

// relay is one client's connection and what carries it on to the broker.
type relay struct {
	client, broker net.Conn
	ended          context.Context
	end            context.CancelFunc
	deaf           bool // guarded by Proxy.mu
}

// StartProxy relays to the broker at target, a URL as from Broker.URL, until the end of the test. At first nothing is
// delayed. The broker need not run: a client whose connection cannot be carried on is cut.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := listen(0)
	if err != nil {
		t.Fatalf("jstest: start proxy: %v", err)
	}
	ended, end := context.WithCancel(context.Background())
	p := &Proxy{
		target: strings.TrimPrefix(target, "nats://"), listener: listener, ended: ended,
		thawed: make(chan struct{}), open: make(map[*relay]struct{}),
	}
	close(p.thawed)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		end()
		_ = listener.Close()
		p.running.Wait()
	})
	return p
}

// URL is the address for clients.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Delay holds every chunk of at most 32 KiB for d before it goes on, in both directions; 0 ends it. A connection
// therefore carries at most 32 KiB each d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Freeze stops all bytes until Thaw. Connections stay open, new ones are accepted, and nothing is lost.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isThawed() {
		p.thawed = make(chan struct{})
	}
}

// Thaw ends Freeze.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isThawed() {
		close(p.thawed)
	}
}

// LoseReplies throws away what the broker sends on the connections that are open now, while what clients send still
// arrives: acknowledgements get lost. Only Cut ends it, for the stream of bytes has a hole.
func (p *Proxy) LoseReplies() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.open {
		r.deaf = true
	}
}

// Cut closes every connection; clients may connect again at once.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.open {
		r.end()
	}
}

func (p *Proxy) isThawed() bool {
	select {
	case <-p.thawed:
		return true
	default:
		return false
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed at the end of the test
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until either side closes it, it is cut or the test ends.
func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	broker, err := (&net.Dialer{}).DialContext(p.ended, "tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	r := &relay{client: client, broker: broker}
	r.ended, r.end = context.WithCancel(p.ended)
	p.enter(r)
	defer p.leave(r)
	var copies sync.WaitGroup
	copies.Go(func() { p.carry(r, broker, client) })
	copies.Go(func() { p.carry(r, client, broker) })
	<-r.ended.Done()
	_, _ = client.Close(), broker.Close() // they end the copies
	copies.Wait()
}

func (p *Proxy) enter(r *relay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[r] = struct{}{}
}

func (p *Proxy) leave(r *relay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, r)
	r.end()
}

func (p *Proxy) carry(r *relay, to, from net.Conn) {
	defer r.end()
	chunk := make([]byte, 32<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 && p.hold(r, from) {
			_, err = to.Write(chunk[:n])
		}
		if err != nil || r.ended.Err() != nil {
			return
		}
	}
}

// hold waits until a chunk may go on; false: it is lost.
func (p *Proxy) hold(r *relay, from net.Conn) bool {
	p.mu.Lock()
	delay, thawed, lost := p.delay, p.thawed, r.deaf && from == r.broker
	p.mu.Unlock()
	if lost {
		return false
	}
	select {
	case <-time.After(delay):
	case <-r.ended.Done():
		return false
	}
	select {
	case <-thawed:
		return true
	case <-r.ended.Done():
		return false
	}
}
