package agent

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry/jstest"
)

// host runs one life of the agent after the other, like a service manager.
type host struct {
	s     *sim
	loop  sync.WaitGroup
	ended chan struct{}

	// Guarded by sim.mu.
	disk      disk
	lives     int // begun so far
	diskError *diskError
	life      *life
}

func newHost(s *sim) *host { return &host{s: s, disk: newDisk(), ended: make(chan struct{})} }

func (h *host) start() { h.loop.Go(h.run) }

func (h *host) run() {
	for n := 0; ; n++ {
		var p lifePlan
		if n < len(h.s.plan.lives) && !h.s.isHealthy() {
			p = h.s.plan.lives[n]
		}
		l := h.begin(n, p)
		err := l.run()
		end := l.over()
		h.s.log("life %d is over (%s): %v", n, endingNames[end], err)
		if err != nil && end == never {
			h.s.happened("the agent gave up by itself")
		}
		h.settle(l, end)
		select {
		case <-h.ended:
			return
		case <-time.After(l.pause()):
			h.s.backend.resend()
		}
	}
}

// settle leaves the disk as the next life finds it.
func (h *host) settle(l *life, end ending) {
	d := h.disk
	if end == powerCut {
		d = d.found(h.s)
	}
	if end == powerCut || end == killed {
		h.s.countRows(d.copy())
	}
	h.s.keepVerdicts(d, l.n)
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.disk, h.life = d, nil
}

func (h *host) begin(n int, p lifePlan) *life {
	l := &life{s: h.s, n: n, plan: p, client: h.s.broker.NewClient(), disk: h.disk, gone: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.life, h.lives = l, n+1
	return l
}

// with does something to the life that is running, if any.
func (h *host) with(do func(*life)) {
	h.s.mu.Lock()
	l := h.life
	h.s.mu.Unlock()
	if l != nil {
		do(l)
	}
}

func (h *host) stop() {
	close(h.ended)
	h.with(func(l *life) { l.finish(stopped, "the end") })
	h.loop.Wait()
}

func (h *host) disconnect() {
	h.with(func(l *life) { h.s.happened("fault: disconnect"); l.client.Disconnect() })
}

func (h *host) reconnect() { h.with(func(l *life) { l.reconnect() }) }

func (h *host) fail(op string, err error, times int) {
	h.with(func(l *life) { h.s.happened("fault: " + op + " fails"); l.client.Fail(op, err, times) })
}

func (h *host) losePubAcks(n int) {
	h.with(func(l *life) {
		h.s.happened("fault: acknowledgement of a publish lost")
		l.client.LosePubAck(nats.ErrTimeout, n)
	})
}

func (h *host) setDiskError(e *diskError) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.diskError = e
}

func (h *host) heal() {
	h.setDiskError(nil)
	h.with(func(l *life) {
		for _, op := range []string{jstest.OpPublish, jstest.OpStream, jstest.OpConsumer, jstest.OpMessages, jstest.OpNext, jstest.OpSettle, jstest.OpSubscribe, jstest.OpObjectRead} {
			l.client.Fail(op, nil, 0)
		}
		l.client.LosePubAck(nil, 0)
		l.reconnect()
	})
}
