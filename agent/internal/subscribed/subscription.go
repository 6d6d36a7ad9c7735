package subscribed

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// Subscription is one Subscribe of a [Set].
type Subscription struct {
	set     *Set
	subject string
	pending int
	handle  func(*nats.Msg)

	// guarded by the set's mu:

	made    retry.Subscription // nil while it is being made; another one after a refusal
	refused int                // how often, since it was granted last
	lost    int                // dropped by those beside made that have ended
}

// Dropped counts the messages that found the buffer full.
func (s *Subscription) Dropped() int {
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	return s.dropped()
}

// dropped is called with the set's mu held.
func (s *Subscription) dropped() int {
	if s.made == nil {
		return s.lost
	}
	return s.lost + s.made.Dropped()
}

// Stop ends the subscription, whose messages are nobody's any more.
func (s *Subscription) Stop() error { return s.end(retry.Subscription.Stop) }

// Drain ends it after its last message, or when ctx ends.
func (s *Subscription) Drain(ctx context.Context) error {
	return s.end(func(made retry.Subscription) error { return made.Drain(ctx) })
}

func (s *Subscription) end(how func(retry.Subscription) error) error {
	s.set.mu.Lock()
	refused, made := s.refused > 0, s.made
	was := made != nil && s.set.forget(s)
	s.set.mu.Unlock()
	if !was {
		return nil
	}
	err := how(made)
	s.set.mu.Lock()
	s.set.lost += s.dropped()
	s.set.mu.Unlock()
	if refused {
		s.set.settle(s.subject)
	}
	return err
}
