package retry

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
)

var errMissing = errors.New("not there")

// wire is a Transport of which only the state and subscriptions work. It holds no goroutine.
type wire struct {
	Transport
	connState
	mu           sync.Mutex
	handlers     map[string]func(*nats.Msg)
	subscribed   int
	stopped      int
	subscribeErr error
	stopErr      error
}

func newWire(connected bool) *wire {
	return &wire{
		connState: connState{connected: connected, changed: make(chan struct{})},
		handlers:  map[string]func(*nats.Msg){},
	}
}

func (w *wire) State() (bool, <-chan struct{}) { return w.get() }

func (w *wire) Subscribe(subject string, _ int, h func(*nats.Msg)) (Subscription, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subscribed++
	if w.subscribeErr != nil {
		return nil, w.subscribeErr
	}
	w.handlers[subject] = h
	return wireSub{w}, nil
}

func (w *wire) deliver(subject string) {
	w.mu.Lock()
	h := w.handlers[subject]
	w.mu.Unlock()
	h(&nats.Msg{Subject: subject})
}

type wireSub struct{ w *wire }

func (wireSub) Dropped() int { return 0 }

func (s wireSub) Stop() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.stopped++
	return s.w.stopErr
}

func (s wireSub) Drain(context.Context) error { return s.Stop() }

// failing returns an op that fails the first n times and says when it was called.
func failing(n int, called func(attempt int)) func(context.Context) (string, error) {
	attempt := 0
	return func(context.Context) (string, error) {
		attempt++
		if called != nil {
			called(attempt)
		}
		if attempt <= n {
			return "", errMissing
		}
		return "value", nil
	}
}

// exact is the default without its jitter, so that tests can name points in time.
func exact() Option {
	b := DefaultBackoff()
	b.Jitter = 0
	return WithBackoff(b)
}

// records is a slog.Handler that keeps what it is given.
type records struct {
	mu   sync.Mutex
	list []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
	return nil
}

func (r *records) levels() []slog.Level {
	r.mu.Lock()
	defer r.mu.Unlock()
	levels := make([]slog.Level, len(r.list))
	for i, rec := range r.list {
		levels[i] = rec.Level
	}
	return levels
}

func (r *records) attrs(i int) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	attrs := map[string]any{}
	r.list[i].Attrs(func(a slog.Attr) bool {
		attrs[a.Key] = a.Value.Any()
		return true
	})
	return attrs
}
