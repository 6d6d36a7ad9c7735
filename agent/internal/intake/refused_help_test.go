package intake

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// denying is a transport that refuses subscriptions as a broker does: later, and
// without an error of Subscribe.
type denying struct {
	retry.Transport
	onFlush func() // nil: nothing

	mu     sync.Mutex
	no     map[string]bool // refused subjects
	hear   map[int]func(retry.Denial)
	made   map[string]int // subscriptions of all times
	open   map[string]int
	number int
}

func newDenying(t retry.Transport, no ...string) *denying {
	d := &denying{Transport: t, no: map[string]bool{}, hear: map[int]func(retry.Denial){}, made: map[string]int{}, open: map[string]int{}}
	for _, subject := range no {
		d.no[subject] = true
	}
	return d
}

func (d *denying) OnDenied(h func(retry.Denial)) (stop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number++
	id := d.number
	d.hear[id] = h
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.hear, id)
	}
}

func (d *denying) deny(refused retry.Denial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.hear {
		h(refused)
	}
}

func (d *denying) Flush(context.Context) error {
	if d.onFlush != nil {
		d.onFlush()
	}
	return nil
}

func (d *denying) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	d.mu.Lock()
	refused := d.no[subject]
	d.made[subject]++
	d.open[subject]++
	d.mu.Unlock()
	at := subject
	if refused {
		at = "nowhere." + subject
		go d.deny(retry.Denial{Subject: subject, Subscribe: true, Err: nats.ErrPermissionViolation})
	}
	sub, err := d.Transport.Subscribe(at, pending, h)
	return &countedSubscription{Subscription: sub, end: sync.OnceFunc(func() { d.ended(subject) })}, err
}

func (d *denying) ended(subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[subject]--
}

// set grants a subject, or refuses it from now on.
func (d *denying) set(subject string, refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.no[subject] = refused
}

func (d *denying) count(subject string) (made, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made[subject], d.open[subject]
}

func (d *denying) total() (made, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.made {
		made += n
	}
	for _, n := range d.open {
		open += n
	}
	return made, open
}

type countedSubscription struct {
	retry.Subscription
	end func()
}

func (s *countedSubscription) Stop() error {
	defer s.end()
	return s.Subscription.Stop()
}

func (s *countedSubscription) Drain(ctx context.Context) error {
	defer s.end()
	return s.Subscription.Drain(ctx)
}
