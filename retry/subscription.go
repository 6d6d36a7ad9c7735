package retry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

type natsSubscription struct {
	sub     *nats.Subscription
	state   *connState    // of its connection
	ended   chan struct{} // closed after the last handler call
	mu      sync.Mutex
	dropped int // last known: nats.go forgets it when the subscription ends
}

// Subscribe uses a callback subscription with limits: a channel subscription would drop a burst that its channel cannot
// hold, and refuses limits.
func (t *natsTransport) Subscribe(subject string, pending int, h func(*nats.Msg)) (Subscription, error) {
	s, err := subscribe(t.nc, subject, pending, h)
	if err != nil {
		return nil, fmt.Errorf("retry: subscribe to %s: %w", subject, err)
	}
	s.state = t.state
	return s, nil
}

func subscribe(nc *nats.Conn, subject string, pending int, h func(*nats.Msg)) (*natsSubscription, error) {
	if h == nil {
		return nil, nats.ErrBadSubscription
	}
	if pending < 1 {
		return nil, fmt.Errorf("%w: pending must be at least 1", nats.ErrInvalidArg)
	}
	sub, err := nc.Subscribe(subject, h)
	if err != nil {
		return nil, err
	}
	s := &natsSubscription{sub: sub, ended: make(chan struct{})}
	sub.SetClosedHandler(func(string) { close(s.ended) })
	if err := sub.SetPendingLimits(pending, nats.DefaultSubPendingBytesLimit); err != nil {
		// Only a connection that was closed since Subscribe gets here; the closed handler may have come too late to run.
		return nil, fmt.Errorf("%w: %w", nats.ErrConnectionClosed, err)
	}
	return s, nil
}

func (s *natsSubscription) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, err := s.sub.Dropped(); err == nil {
		s.dropped = n
	}
	return s.dropped
}

func (s *natsSubscription) Stop() error {
	s.Dropped()
	err := s.sub.Unsubscribe()
	if err != nil && !alreadyEnding(err) {
		return fmt.Errorf("retry: unsubscribe from %s: %w", s.sub.Subject, err)
	}
	<-s.ended
	return nil
}

// drainPoll spaces the looks at the buffer of a subscription that drains while disconnected: nats.go itself would wait for
// the server's answer, which cannot come.
const drainPoll = 10 * time.Millisecond

func (s *natsSubscription) Drain(ctx context.Context) error {
	s.Dropped()
	if err := s.sub.Drain(); err != nil && !alreadyEnding(err) {
		return fmt.Errorf("retry: drain %s: %w", s.sub.Subject, err)
	}
	poll := time.NewTicker(drainPoll)
	defer poll.Stop()
	for {
		select {
		case <-s.ended:
			return nil
		case <-ctx.Done():
			if err := s.Stop(); err != nil {
				return err
			}
			return fmt.Errorf("retry: drain %s: %w", s.sub.Subject, ctx.Err())
		case <-poll.C:
			if connected, _ := s.state.get(); !connected && s.isEmpty() {
				return s.Stop()
			}
		}
	}
}

// isEmpty reports that no message waits and none is in the handler.
func (s *natsSubscription) isEmpty() bool {
	n, _, err := s.sub.Pending()
	return err == nil && n == 0
}

// alreadyEnding reports that somebody else ended the subscription, or its connection is draining or closed and does so.
func alreadyEnding(err error) bool {
	return errors.Is(err, nats.ErrBadSubscription) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrConnectionDraining)
}
