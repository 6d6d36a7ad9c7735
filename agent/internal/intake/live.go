package intake

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/subscribed"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

const (
	// pendingLive is how many messages a subscription buffers, as in the contract.
	pendingLive = 65_536
	// pendingKill bounds the kill messages of the whole fleet that wait here.
	pendingKill = 4_096
)

// Live takes commands from core subscriptions.
type Live struct {
	Transport retry.Transport
	PCID      string
	// Groups of the host; nil: it has none, ever.
	Groups Groups
	Out    chan<- delivery.Delivery
	// Kill is called with the execution ID of every kill message.
	Kill func(execID string)
	// Settled is called with a subject that the broker had refused when it does not
	// any more, or when nobody listens to it any more. Nil: nobody is told.
	Settled func(subject string)
	Logger  *slog.Logger

	// open subscribes to a group; set by Subscribe, whose context ends the
	// hand-over.
	open func(group string) (*joined, error)

	mu      sync.Mutex
	subs    *subscribed.Set
	groups  map[string]*joined
	changed chan struct{} // closed at the next change of groups
	known   bool          // the groups have been answered
	problem string        // with the groups, as last reported
}

// Subscribe opens the subscriptions; they work from the next connect on. Ctx
// ends the hand-over of what arrives.
func (l *Live) Subscribe(ctx context.Context) error {
	l.mu.Lock() // a status may be asked for already
	l.subs = subscribed.New(l.Transport, l.Settled, l.Logger)
	l.groups, l.changed = make(map[string]*joined), make(chan struct{})
	l.mu.Unlock()
	l.open = func(group string) (*joined, error) { return l.openGroup(ctx, group) }
	receive := func(m *nats.Msg) { l.receive(ctx, m) }
	for _, subject := range []string{wire.CommandsAll(), wire.CommandsPC(l.PCID)} {
		if _, err := l.subscribe(subject, pendingLive, receive); err != nil {
			return err
		}
	}
	for _, subject := range wire.KillFilters() {
		if _, err := l.subscribe(subject, pendingKill, l.kill); err != nil {
			return err
		}
	}
	groups, _ := l.Groups.ask()
	if err := l.join(ctx, groups); err != nil {
		l.Logger.Warn("a group could not be subscribed to and will be tried again", "error", err)
	}
	return nil
}

func (l *Live) receive(ctx context.Context, m *nats.Msg) {
	if ctx.Err() != nil {
		return // nobody may take it any more
	}
	select {
	case l.Out <- delivery.Delivery{Data: m.Data, Subject: m.Subject, Header: m.Header, Source: delivery.Live}:
	case <-ctx.Done():
	}
}

func (l *Live) kill(m *nats.Msg) {
	if execID, ok := wire.KillExecID(m.Subject); ok {
		l.Kill(execID)
	}
}

// Dropped is how many messages were lost because more arrived than could be
// buffered. The replay has the last one of each subject.
func (l *Live) Dropped() int {
	l.mu.Lock()
	subs := l.subs
	l.mu.Unlock()
	if subs == nil {
		return 0
	}
	return subs.Dropped()
}

// Drain ends the subscriptions. What the broker has sent by then is still handed
// over: it may be the only copy. What is left when ctx ends is let go, and so
// must be the hand-over, by the context of Subscribe. After it nothing more is
// handed over. Run must have ended.
func (l *Live) Drain(ctx context.Context) {
	if l.subs != nil {
		l.subs.Drain(ctx)
	}
}

// subscribe listens to a subject.
func (l *Live) subscribe(subject string, pending int, handle func(*nats.Msg)) (*subscribed.Subscription, error) {
	s, err := l.subs.Subscribe(subject, pending, handle)
	if err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	return s, nil
}
