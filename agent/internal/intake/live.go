package intake

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// pendingLive is how many messages a subscription buffers, as in the contract.
const pendingLive = 65_536

// Live takes commands from core subscriptions.
type Live struct {
	Transport retry.Transport
	PCID      string
	Out       chan<- delivery.Delivery
	// Kill is called with the execution ID of every kill message.
	Kill   func(execID string)
	Logger *slog.Logger

	mu   sync.Mutex
	subs []retry.Subscription
}

// Subscribe opens the subscriptions; they work from the next connect on. Ctx
// ends the hand-over of what arrives.
func (l *Live) Subscribe(ctx context.Context) error {
	receive := func(m *nats.Msg) { l.receive(ctx, m) }
	for _, subject := range []string{wire.CommandsAll(), wire.CommandsPC(l.PCID)} {
		if err := l.add(subject, pendingLive, receive); err != nil {
			return err
		}
	}
	for _, subject := range wire.KillFilters() {
		if err := l.add(subject, pendingKill, l.kill); err != nil {
			return err
		}
	}
	return nil
}

// pendingKill bounds the kill messages of the whole fleet that wait here.
const pendingKill = 4_096

func (l *Live) add(subject string, pending int, h func(*nats.Msg)) error {
	sub, err := l.Transport.Subscribe(subject, pending, h)
	if err != nil {
		return fmt.Errorf("intake: subscribe %s: %w", subject, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs = append(l.subs, sub)
	return nil
}

func (l *Live) open() []retry.Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.subs)
}

func (l *Live) receive(ctx context.Context, m *nats.Msg) {
	if ctx.Err() != nil {
		return // nobody may take it any more
	}
	select {
	case l.Out <- delivery.Delivery{Data: m.Data, Subject: m.Subject, Source: delivery.Live}:
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
	n := 0
	for _, sub := range l.open() {
		n += sub.Dropped()
	}
	return n
}

// Drain ends the subscriptions. What the broker has sent by then is still handed
// over: it may be the only copy. What is left when ctx ends is let go, and so
// must be the hand-over, by the context of Subscribe. After it nothing more is
// handed over.
func (l *Live) Drain(ctx context.Context) {
	var all sync.WaitGroup
	for _, sub := range l.open() {
		all.Go(func() {
			if err := sub.Drain(ctx); err != nil {
				l.Logger.Warn("a subscription has not handed over everything that it had received", "error", err)
			}
		})
	}
	all.Wait()
}
