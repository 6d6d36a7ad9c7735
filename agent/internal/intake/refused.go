package intake

import (
	"context"
	"maps"
	"math"
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

// refusals are the subjects of Live that the broker has refused.
type refusals struct {
	mu    sync.Mutex
	times map[string]int // heard since it was granted last
	wake  chan struct{}  // holds one signal
}

func newRefusals() *refusals {
	return &refusals{times: make(map[string]int), wake: make(chan struct{}, 1)}
}

// add reports that the subject was not refused before.
func (r *refusals) add(subject string) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[subject]++
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.times[subject] == 1
}

// remove forgets a subject, unless it was refused more often than heard times.
func (r *refusals) remove(subject string, heard int) (was bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.times[subject]; n == 0 || n > heard {
		return false
	}
	delete(r.times, subject)
	return true
}

func (r *refusals) subjects() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.times))
}

func (r *refusals) heard(subject string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.times[subject]
}

// hearRefusals names each subject of Live that the broker refuses, once.
func (l *Live) hearRefusals() (stop func()) {
	t, ok := l.Transport.(denialNotifier)
	if !ok {
		return func() {}
	}
	return t.OnDenied(func(d retry.Denial) {
		l.mu.Lock()
		ours := d.Subscribe && l.subs[d.Subject] != nil
		l.mu.Unlock()
		if ours && l.refused.add(d.Subject) {
			l.Logger.Warn("the broker refuses a subscription; it is tried again from time to time", "subject", d.Subject, "error", d.Err)
		}
	})
}

// heal makes refused subscriptions anew until ctx ends: a broker takes new
// permissions for connections that stand, but does not take up what it has refused
// on them. Without refusals it does nothing.
func (l *Live) heal(ctx context.Context) {
	for failures := 0; ; {
		if len(l.refused.subjects()) == 0 {
			failures = 0
			select {
			case <-ctx.Done():
				return
			case <-l.refused.wake:
			}
			continue
		}
		connected, link := l.Transport.State()
		var due <-chan time.Time
		if connected {
			due = time.After(refusedBackoff.Jittered(failures + 1))
		}
		select {
		case <-ctx.Done():
			return
		case <-link:
			failures = 0 // the broker decides anew
		case <-due:
			failures++
			l.subscribeAgain(ctx)
		}
	}
}

// attempt is a subscription beside one that the broker has refused.
type attempt struct {
	of    *subscribed
	sub   retry.Subscription
	heard int // refusals before it
}

// subscribeAgain tries every refused subject once, all with one flush.
func (l *Live) subscribeAgain(ctx context.Context) {
	attempts := l.attempts()
	stands := len(attempts) > 0 && l.awaitVerdict(ctx)
	for _, a := range attempts {
		if !stands || !l.refused.remove(a.of.subject, a.heard) {
			l.end(a.sub, inOrder(ctx)) // it may stand: nobody knows
			continue
		}
		l.adopt(ctx, a)
	}
}

func (l *Live) attempts() []attempt {
	var all []attempt
	for _, subject := range l.refused.subjects() {
		s := l.wanted(subject)
		if s == nil {
			continue // it is being made, or ended
		}
		heard := l.refused.heard(subject)
		sub, err := l.Transport.Subscribe(subject, s.pending, s.handle)
		if err != nil {
			l.Logger.Debug("a refused subscription was not tried again", "subject", subject, "error", err)
			continue
		}
		all = append(all, attempt{of: s, sub: sub, heard: heard})
	}
	return all
}

// awaitVerdict reports that the broker has seen what was subscribed to, and that
// its refusals, if any, have been heard.
func (l *Live) awaitVerdict(ctx context.Context) bool {
	connected, lost := l.Transport.State()
	if !connected || l.flush(ctx) != nil {
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

// adopt puts a subscription that stands in the place of the refused one.
func (l *Live) adopt(ctx context.Context, a attempt) {
	if old, ok := l.swap(a.of, a.sub); ok {
		l.end(old, inOrder(ctx))
		l.Logger.Info("the broker takes a subscription that it had refused", "subject", a.of.subject)
	} else {
		l.end(a.sub, atOnce)
	}
	l.settled(a.of.subject)
}

// forgetRefusal ends the report of a refusal, if there is one.
func (l *Live) forgetRefusal(subject string) {
	if l.refused.remove(subject, math.MaxInt) {
		l.settled(subject)
	}
}

func (l *Live) settled(subject string) {
	if l.Settled != nil {
		l.Settled(subject)
	}
}
