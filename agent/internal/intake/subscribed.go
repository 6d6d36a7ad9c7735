package intake

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// subscribed is a subject that Live listens to. Its subscription changes when one
// that the broker had refused is made anew; it is nil while it is being made.
type subscribed struct {
	subject string
	pending int
	handle  func(*nats.Msg)
	sub     retry.Subscription // guarded by Live.mu
}

// subscribe listens to a subject. It is known before the broker hears of it: a
// refusal may come at once.
func (l *Live) subscribe(subject string, pending int, handle func(*nats.Msg)) (*subscribed, error) {
	s := &subscribed{subject: subject, pending: pending, handle: handle}
	l.mu.Lock()
	l.subs[subject] = s
	l.mu.Unlock()
	sub, err := l.Transport.Subscribe(subject, pending, handle)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		delete(l.subs, subject)
		return nil, fmt.Errorf("intake: subscribe %s: %w", subject, err)
	}
	s.sub = sub
	return s, nil
}

// wanted is what listens to a subject, or nil.
func (l *Live) wanted(subject string) *subscribed {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.subs[subject]; s != nil && s.sub != nil {
		return s
	}
	return nil
}

// swap gives s another subscription; false: nobody listens to its subject any
// more, and the caller keeps it.
func (l *Live) swap(s *subscribed, fresh retry.Subscription) (old retry.Subscription, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs[s.subject] != s {
		return nil, false
	}
	old, s.sub = s.sub, fresh
	return old, true
}

// all returns the open subscriptions.
func (l *Live) all() []retry.Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	subs := make([]retry.Subscription, 0, len(l.subs))
	for _, s := range l.subs {
		subs = append(subs, s.sub)
	}
	return slices.DeleteFunc(subs, func(s retry.Subscription) bool { return s == nil })
}

// end ends a subscription in the given way, and keeps its count.
func (l *Live) end(sub retry.Subscription, how func(retry.Subscription) error) {
	if err := how(sub); err != nil {
		l.Logger.Warn("a subscription that is not needed any more has not ended in good order", "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += sub.Dropped()
}

// atOnce ends a subscription whose messages are nobody's.
func atOnce(sub retry.Subscription) error { return sub.Stop() }

// inOrder ends a subscription after its last message.
func inOrder(ctx context.Context) func(retry.Subscription) error {
	return func(sub retry.Subscription) error {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		return sub.Drain(ctx)
	}
}
