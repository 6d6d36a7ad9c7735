package jstest

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

var _ retry.Transport = (*Conn)(nil)

// Conn is a client's core connection, a retry.Transport. What is published here reaches the subscriptions of every
// connected client, and the stream that takes the subject.
type Conn struct {
	client *Client
}

// State reports whether the client is connected; changed is closed at the next change of that.
func (c *Conn) State() (connected bool, changed <-chan struct{}) {
	return c.client.state()
}

// MaxPayload is the size of the largest message, headers and data, that the broker takes: 1 MiB.
func (c *Conn) MaxPayload() int64 { return maxPayload }

// Publish sends m. While disconnected it waits in the client's buffer of 8 MiB.
func (c *Conn) Publish(m *nats.Msg) error {
	if err := c.publish(m); err != nil {
		return fmt.Errorf("jstest: publish: %w", err)
	}
	return nil
}

func (c *Conn) publish(m *nats.Msg) error {
	if err := c.client.faults.take(OpSend); err != nil {
		return err
	}
	if m == nil {
		return nats.ErrInvalidMsg
	}
	return c.client.sendMsg(m, m.Reply)
}

// Request sends m and returns the first reply. A lost connection does not end it, as in nats.go: ctx has to.
func (c *Conn) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if err := c.client.faults.take(OpRequest); err != nil {
		return nil, fmt.Errorf("jstest: request: %w", err)
	}
	reply, err := c.client.request(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("jstest: request: %w", err)
	}
	return reply, nil
}

// RequestMany sends m at each loop over it and yields the replies until the loop breaks or something fails, with
// nats.ErrDisconnected when the connection is lost meanwhile.
func (c *Conn) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	return func(yield func(*nats.Msg, error) bool) {
		if err := c.requestMany(ctx, m, yield); err != nil {
			yield(nil, fmt.Errorf("jstest: request: %w", err))
		}
	}
}

func (c *Conn) requestMany(ctx context.Context, m *nats.Msg, yield func(*nats.Msg, error) bool) error {
	if err := c.client.faults.take(OpRequest); err != nil {
		return err
	}
	return c.client.requestMany(ctx, m, yield)
}

// Subscribe hands messages to h, one at a time, from a goroutine that ends with Stop.
func (c *Conn) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	if err := c.checkSubscribe(subject, pending, h); err != nil {
		return nil, fmt.Errorf("jstest: subscribe to %s: %w", subject, err)
	}
	s := &subscription{
		box: newMailbox(), broker: c.client.broker, limit: pending,
		draining: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.sub = &subscriber{client: c.client, subject: subject, deliver: s.deliver}
	s.broker.subscribe(s.sub)
	go s.run(h)
	return s, nil
}

func (c *Conn) checkSubscribe(subject string, pending int, h func(*nats.Msg)) error {
	switch err := c.client.faults.take(OpSubscribe); {
	case err != nil:
		return err
	case h == nil:
		return nats.ErrBadSubscription
	case pending < 1:
		return nats.ErrInvalidArg
	case badSubject(subject):
		return nats.ErrBadSubject
	}
	return nil
}

type subscription struct {
	box    *mailbox
	broker *broker
	sub    *subscriber
	limit  int

	mu      sync.Mutex
	pending int // in the box or in the handler
	dropped int

	drainOnce, stopOnce sync.Once

	draining chan struct{} // closed when nothing more comes in
	stop     chan struct{}
	done     chan struct{}
}

func (s *subscription) deliver(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending >= s.limit {
		s.dropped++
		return
	}
	s.pending++
	s.box.put(m)
}

func (s *subscription) run(h func(*nats.Msg)) {
	defer close(s.done)
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		if s.handOver(h) {
			continue
		}
		select {
		case <-s.stop:
			return
		case <-s.draining:
			if !s.handOver(h) {
				return
			}
		case <-s.box.wake:
		}
	}
}

func (s *subscription) handOver(h func(*nats.Msg)) bool {
	m := s.box.take()
	if m == nil {
		return false
	}
	h(m)
	s.handled()
	return true
}

func (s *subscription) handled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
}

func (s *subscription) Dropped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

func (s *subscription) Stop() error {
	s.unsubscribe()
	s.stopOnce.Do(func() { close(s.stop) })
	<-s.done
	return nil
}

func (s *subscription) unsubscribe() {
	s.drainOnce.Do(func() {
		s.broker.unsubscribe(s.sub)
		close(s.draining)
	})
}

func (s *subscription) Drain(ctx context.Context) error {
	s.unsubscribe()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		_ = s.Stop() // never fails
		return fmt.Errorf("jstest: drain %s: %w", s.sub.subject, ctx.Err())
	}
}
