package subscribed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/retry"
)

// denialNotifier is the optional ability of a transport to tell what the broker
// refuses.
type denialNotifier interface {
	OnDenied(h func(retry.Denial)) (stop func())
}

// refusedBackoff spaces the attempts to make refused subscriptions anew.
var refusedBackoff = retry.Backoff{Min: 2 * time.Second, Max: time.Minute, Factor: 2, Jitter: 0.25}

// verdictWait is how long a subscription has to stand without a refusal, after the
// broker has seen it, to count as granted: transports tell of a refusal on another
// goroutine than of a flush.
const verdictWait = time.Second

// hearRefusals names each subject of the set that the broker refuses, once.
func (s *Set) hearRefusals() (stop func()) {
	t, ok := s.transport.(denialNotifier)
	if !ok {
		return func() {}
	}
	return t.OnDenied(func(d retry.Denial) {
		if d.Subscribe && s.note(d.Subject) {
			s.log.Warn("the broker refuses a subscription; it is tried again from time to time", "subject", d.Subject, "error", d.Err)
		}
	})
}

// note counts a refusal, and reports that it is the first one of the subject.
func (s *Set) note(subject string) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := false
	for _, sub := range s.open {
		if sub.subject != subject {
			continue
		}
		first, known = first || sub.refused == 0, known || sub.refused > 0
		sub.refused++
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return first && !known
}

// Refused returns the subjects that are refused, sorted.
func (s *Set) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var subjects []string
	for _, sub := range s.open {
		if sub.refused > 0 {
			subjects = append(subjects, sub.subject)
		}
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// Run makes refused subscriptions anew until ctx ends, whose error it returns: a
// broker takes new permissions for connections that stand, but does not take up
// what it has refused on them. Without refusals it does nothing.
func (s *Set) Run(ctx context.Context) error {
	for failures := 0; ; {
		if len(s.Refused()) == 0 {
			failures = 0
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.wake:
			}
			continue
		}
		connected, link := s.transport.State()
		var due <-chan time.Time
		if connected {
			due = time.After(refusedBackoff.Jittered(failures + 1))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-link:
			failures = 0 // the broker decides anew
		case <-due:
			failures++
			s.subscribeAgain(ctx)
		}
	}
}

// attempt is a subscription beside one that the broker has refused.
type attempt struct {
	of    *Subscription
	made  retry.Subscription
	heard int // refusals before it
}

// subscribeAgain tries every refused subscription once, all with one flush.
func (s *Set) subscribeAgain(ctx context.Context) {
	attempts := s.attempts()
	stands := len(attempts) > 0 && s.awaitVerdict(ctx)
	var all sync.WaitGroup
	for _, a := range attempts {
		all.Go(func() { s.conclude(ctx, a, stands) })
	}
	all.Wait()
}

func (s *Set) conclude(ctx context.Context, a attempt, stands bool) {
	needless, adopted := s.adopt(a, stands)
	s.retire(ctx, a.of, needless)
	if adopted {
		s.log.Info("the broker takes a subscription that it had refused", "subject", a.of.subject)
	}
	s.settle(a.of.subject) // also if nobody listens any more: the attempt may have been refused since
}

func (s *Set) attempts() []attempt {
	var all []attempt
	for _, a := range s.due() {
		made, err := s.transport.Subscribe(a.of.subject, a.of.pending, a.of.handle)
		if err != nil {
			s.log.Debug("a refused subscription was not tried again", "subject", a.of.subject, "error", err)
			continue
		}
		a.made = made
		all = append(all, a)
	}
	return all
}

// due are the refused subscriptions but those that are being made.
func (s *Set) due() []attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []attempt
	for _, sub := range s.open {
		if sub.refused > 0 && sub.made != nil {
			all = append(all, attempt{of: sub, heard: sub.refused})
		}
	}
	return all
}

// awaitVerdict reports that the broker has seen what was subscribed to, and that
// its refusals, if any, have been heard.
func (s *Set) awaitVerdict(ctx context.Context) bool {
	connected, lost := s.transport.State()
	if !connected || s.Flush(ctx) != nil {
		return false
	}
	select {
	case <-ctx.Done():
	case <-lost:
	case <-time.After(verdictWait):
		return true
	}
	return false
}

// adopt puts a subscription that stands in the place of the refused one, and
// returns the one that is not needed any more.
func (s *Set) adopt(a attempt, stands bool) (needless retry.Subscription, adopted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !stands || a.of.refused > a.heard || !slices.Contains(s.open, a.of) {
		return a.made, false
	}
	needless = a.of.made
	a.of.made, a.of.refused = a.made, 0
	return needless, true
}

// retire ends what of does not need after its last message: it may have stood,
// nobody knows, and then what it has received may be the only copy.
func (s *Set) retire(ctx context.Context, of *Subscription, made retry.Subscription) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := made.Drain(ctx); err != nil {
		s.log.Warn("a subscription that is not needed any more has not ended in good order", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.open, of) {
		of.lost += made.Dropped()
	} else {
		s.lost += made.Dropped()
	}
}

// settle tells that a subject is not refused any more, unless it is.
func (s *Set) settle(subject string) {
	if s.settled != nil && !slices.Contains(s.Refused(), subject) {
		s.settled(subject)
	}
}
