package denytest

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// Transport refuses subscriptions as a broker does: later, and without an error of
// Subscribe.
type Transport struct {
	retry.Transport
	// OnFlush, if not nil, is called by Flush.
	OnFlush func()

	mu     sync.Mutex
	no     map[string]bool // refused subjects
	hear   map[int]func(retry.Denial)
	made   map[string]int // subscriptions of all times
	open   map[string]int
	number int
}

// New refuses the subjects no.
func New(t retry.Transport, no ...string) *Transport {
	d := &Transport{Transport: t, no: map[string]bool{}, hear: map[int]func(retry.Denial){}, made: map[string]int{}, open: map[string]int{}}
	for _, subject := range no {
		d.no[subject] = true
	}
	return d
}

// OnDenied tells h of every refusal until stop is called.
func (d *Transport) OnDenied(h func(retry.Denial)) (stop func()) {
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

// Listeners is how many hear of refusals.
func (d *Transport) Listeners() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hear)
}

// Deny tells everybody of a refusal.
func (d *Transport) Deny(refused retry.Denial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.hear {
		h(refused)
	}
}

// Flush does nothing but call OnFlush.
func (d *Transport) Flush(context.Context) error {
	if d.OnFlush != nil {
		d.OnFlush()
	}
	return nil
}

// Subscribe never fails for a refusal.
func (d *Transport) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	d.mu.Lock()
	refused := d.no[subject]
	d.made[subject]++
	d.open[subject]++
	d.mu.Unlock()
	at := subject
	if refused {
		at = "nowhere." + subject
		go d.Deny(retry.Denial{Subject: subject, Subscribe: true, Err: nats.ErrPermissionViolation})
	}
	sub, err := d.Transport.Subscribe(at, pending, h)
	if err != nil {
		d.ended(subject)
		return nil, err
	}
	return &counted{Subscription: sub, end: sync.OnceFunc(func() { d.ended(subject) })}, nil
}

func (d *Transport) ended(subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[subject]--
}

// Set grants a subject, or refuses it from now on.
func (d *Transport) Set(subject string, refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.no[subject] = refused
}

// Count is how many subscriptions to a subject were made ever, and how many have
// not ended.
func (d *Transport) Count(subject string) (made, open int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made[subject], d.open[subject]
}

// Total is Count for all subjects.
func (d *Transport) Total() (made, open int) {
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

type counted struct {
	retry.Subscription
	end func()
}

func (s *counted) Stop() error {
	defer s.end()
	return s.Subscription.Stop()
}

func (s *counted) Drain(ctx context.Context) error {
	defer s.end()
	return s.Subscription.Drain(ctx)
}
