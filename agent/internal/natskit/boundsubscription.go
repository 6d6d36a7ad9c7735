package natskit

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// Subscribe hands messages to h. A subscription that the connection does not take
// yet is made when it does, as one is that is made while disconnected.
func (b *Borrowed) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	s := &boundSubscription{calls: b.calls, h: h, made: make(chan struct{})}
	err := b.calls.finally(context.Background(), func() (err error) {
		defer close(s.made)
		s.sub, err = b.Transport.Subscribe(subject, pending, s.hand)
		return err
	})
	if err != nil && !errors.Is(err, ErrStuck) {
		return nil, err
	}
	return s, nil
}

// boundSubscription hands over nothing after its end, whatever its connection
// does.
type boundSubscription struct {
	calls *calls
	made  chan struct{}      // closed when sub is there, or never will be
	sub   retry.Subscription // nil: it could not be made

	mu    sync.Mutex // held while h runs
	h     func(*nats.Msg)
	ended bool
}

func (s *boundSubscription) hand(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.h(m)
	}
}

// close returns after the last call of h.
func (s *boundSubscription) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// Dropped is 0 while there is no subscription yet.
func (s *boundSubscription) Dropped() int {
	select {
	case <-s.made:
	default:
		return 0
	}
	if s.sub == nil {
		return 0
	}
	return s.sub.Dropped()
}

// Stop unsubscribes as soon as the connection lets it.
func (s *boundSubscription) Stop() error {
	s.close()
	return s.calls.finally(context.Background(), s.once(retry.Subscription.Stop))
}

// Drain is a Stop when ctx ends.
func (s *boundSubscription) Drain(ctx context.Context) error {
	defer s.close()
	drain := s.once(func(sub retry.Subscription) error { return sub.Drain(ctx) })
	_, err := begin(s.calls, func() (struct{}, error) { return struct{}{}, drain() }, nil).await(ctx, 0)
	return err
}

// once ends the subscription when it has been made.
func (s *boundSubscription) once(end func(retry.Subscription) error) func() error {
	return func() error {
		<-s.made
		if s.sub == nil {
			return nil
		}
		return end(s.sub)
	}
}
