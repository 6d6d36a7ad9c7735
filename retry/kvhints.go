package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	maxHintSubjects = 64   // above it one subscription takes the whole bucket
	pendingHints    = 4096 // a hint is taken in a microsecond
)

// flusher is an ability of a Transport beyond the interface.
type flusher interface {
	Flush(ctx context.Context) error
}

// HintKV implements KVReader by plain subscriptions, which outlive everything that happens to the bucket. It fails only
// where the Transport refuses to subscribe; what the server refuses is told by KVHints.Denied.
func (r *DirectReader) HintKV(ctx context.Context, bucket string, patterns []string, hint func(key string)) (KVHints, error) {
	h := &kvHints{prefix: kvSubjectPrefix + bucket + ".", patterns: disjoint(patterns), hint: hint}
	if err := h.check(bucket); err != nil {
		return nil, fmt.Errorf("retry: hints of kv %s: %w", bucket, err)
	}
	h.unhear = h.hearDenials(r.t)
	for _, subject := range h.subjects() {
		if err := h.subscribe(r.t, subject); err != nil {
			return nil, fmt.Errorf("retry: hints of kv %s: %w", bucket, errors.Join(err, h.Stop()))
		}
	}
	awaitSubscribed(ctx, r.t)
	return h, nil
}

// awaitSubscribed flushes, so that what is written from now on is heard and a refusal is known. While disconnected the
// subscriptions stand as soon as the connection does, and there is nothing to wait for.
func awaitSubscribed(ctx context.Context, t Transport) {
	f, ok := t.(flusher)
	connected, changed := t.State()
	if !ok || !connected {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, DefaultAttemptTimeout)
	defer cancel()
	ctx, lost := context.WithCancelCause(ctx)
	var helper sync.WaitGroup
	helper.Go(func() { endWith(ctx, changed, lost) })
	_ = f.Flush(ctx) // whoever reads next finds out what is wrong
	lost(nil)
	helper.Wait()
}

// kvHints is one HintKV.
type kvHints struct {
	prefix   string // of the subjects
	patterns []string
	hint     func(key string)
	unhear   func()

	mu     sync.Mutex
	subs   []Subscription
	denied []Denial
}

func (h *kvHints) check(bucket string) error {
	if err := checkBucket(bucket); err != nil {
		return err
	}
	for _, pattern := range h.patterns {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	return nil
}

func (h *kvHints) subjects() []string {
	if len(h.patterns) > maxHintSubjects {
		return []string{h.prefix + ">"}
	}
	subjects := make([]string, len(h.patterns))
	for i, pattern := range h.patterns {
		subjects[i] = h.prefix + pattern
	}
	return subjects
}

// subscribe hands on the keys. When some messages were dropped it says that any key may have changed.
func (h *kvHints) subscribe(t Transport, subject string) error {
	var sub atomic.Pointer[Subscription]
	var dropped int
	s, err := t.Subscribe(subject, pendingHints, func(m *nats.Msg) {
		if s := sub.Load(); s != nil {
			if n := (*s).Dropped(); n > dropped {
				dropped = n
				h.hint("")
			}
		}
		if key, ok := strings.CutPrefix(m.Subject, h.prefix); ok && anyMatches(h.patterns, key) {
			h.hint(key)
		}
	})
	if err != nil {
		return err
	}
	sub.Store(&s)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs = append(h.subs, s)
	return nil
}

// hearDenials keeps the refusals of the connection that stands: the server repeats them at the next connect.
func (h *kvHints) hearDenials(t Transport) (stop func()) {
	n, ok := t.(denialNotifier)
	if !ok {
		return func() {}
	}
	subjects := h.subjects()
	return n.OnDenied(func(d Denial) {
		if !d.Subscribe || !slices.Contains(subjects, d.Subject) {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if !slices.ContainsFunc(h.denied, func(known Denial) bool { return known.Subject == d.Subject }) {
			h.denied = append(h.denied, d)
		}
	})
}

func (h *kvHints) Denied() []Denial {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.denied)
}

func (h *kvHints) Stop() error {
	h.unhear()
	h.mu.Lock()
	subs := h.subs
	h.subs = nil
	h.mu.Unlock()
	var all error
	for _, s := range subs {
		all = errors.Join(all, s.Stop())
	}
	return all
}
