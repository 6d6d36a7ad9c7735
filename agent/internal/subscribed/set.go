package subscribed

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// Set is a number of subscriptions over one transport. Run keeps them standing,
// Drain or Stop ends them.
type Set struct {
	transport retry.Transport
	settled   func(subject string)
	log       *slog.Logger

	hear sync.Once
	deaf func()        // ends the hearing of refusals; set by the first Subscribe
	wake chan struct{} // holds one signal: something is refused

	mu   sync.Mutex
	open []*Subscription
	lost int // dropped by subscriptions that have ended
}

// New returns a set without subscriptions. Settled, if not nil, is called with a
// subject that the broker had refused when it does not any more, or when nobody
// listens to it any more.
func New(t retry.Transport, settled func(subject string), log *slog.Logger) *Set {
	return &Set{transport: t, settled: settled, log: log, wake: make(chan struct{}, 1)}
}

// Subscribe hands what comes on subject to handle, as [retry.Transport] does, from
// the next connect on at the latest.
func (s *Set) Subscribe(subject string, pending int, handle func(*nats.Msg)) (*Subscription, error) {
	s.hear.Do(func() { s.deaf = s.hearRefusals() })
	sub := &Subscription{set: s, subject: subject, pending: pending, handle: handle}
	s.mu.Lock() // it is known before the broker hears of it: a refusal may come at once
	s.open = append(s.open, sub)
	s.mu.Unlock()
	made, err := s.transport.Subscribe(subject, pending, handle)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.forget(sub)
		return nil, fmt.Errorf("subscribe %s: %w", subject, err)
	}
	sub.made = made
	return sub, nil
}

// forget is called with mu held. It reports whether sub was open.
func (s *Set) forget(sub *Subscription) (was bool) {
	n := len(s.open)
	s.open = slices.DeleteFunc(s.open, func(o *Subscription) bool { return o == sub })
	return len(s.open) < n
}

// Dropped is how many messages were lost because more arrived than could be
// buffered, by those subscriptions too that have ended.
func (s *Set) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.lost
	for _, sub := range s.open {
		n += sub.dropped()
	}
	return n
}

// flusher is the optional ability of a transport to wait until the broker has
// seen everything sent so far.
type flusher interface {
	Flush(ctx context.Context) error
}

// flushTimeout bounds the wait for a broker that does not answer. At the next
// connect it hears of the subscriptions before anything else.
const flushTimeout = 2 * time.Second

// Flush returns when the broker has seen every subscription, or need not: at the
// next connect it hears of them first. It waits for 2 s at most.
func (s *Set) Flush(ctx context.Context) error {
	f, ok := s.transport.(flusher)
	if connected, _ := s.transport.State(); !ok || !connected {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return f.Flush(ctx)
}

// Drain ends the subscriptions. What the broker has sent by then is still handed
// over; what is left when ctx ends is let go, and so must be the hand-over. After
// it nothing more is handed over. Run must have ended.
func (s *Set) Drain(ctx context.Context) {
	s.end(func(sub *Subscription) {
		if err := sub.Drain(ctx); err != nil {
			s.log.Warn("a subscription has not handed over everything that it had received", "error", err)
		}
	})
}

// Stop is a Drain that lets everything go.
func (s *Set) Stop() {
	s.end(func(sub *Subscription) {
		if err := sub.Stop(); err != nil {
			s.log.Warn("a subscription has not ended in good order", "error", err)
		}
	})
}

func (s *Set) end(how func(*Subscription)) {
	if s.deaf != nil {
		s.deaf()
	}
	s.mu.Lock()
	open := slices.Clone(s.open)
	s.mu.Unlock()
	var all sync.WaitGroup
	for _, sub := range open {
		all.Go(func() { how(sub) })
	}
	all.Wait()
}
