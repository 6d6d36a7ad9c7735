package agent

import (
	"bytes"
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Between the agent and the fake broker: everything takes a while, so that
// copies overtake each other, and what arrives and is acknowledged is noted.

type simTransport struct {
	retry.Transport
	l *life
}

func (t simTransport) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	return t.Transport.Subscribe(subject, pending, func(m *nats.Msg) {
		t.l.travel("live " + m.Subject)
		if execID, ok := wire.KillExecID(m.Subject); ok {
			t.l.killed(execID, func() { h(m) })
			return
		}
		t.l.heard(m.Data)
		h(m)
		t.l.handedOver(m.Data)
	})
}

type simJetStream struct {
	JetStream
	l *life
}

func (j simJetStream) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	j.l.travel("publish " + m.Subject)
	ack, err := j.JetStream.PublishMsg(ctx, m, opts...)
	j.l.travel("answer " + m.Subject)
	return ack, err
}

func (j simJetStream) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c, err := j.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
	return simConsumer{c, j.l}, err
}

type simConsumer struct {
	jetstream.Consumer
	l *life
}

func (c simConsumer) Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	m, err := c.Consumer.Messages(opts...)
	return simMessages{m, c.l}, err
}

type simMessages struct {
	jetstream.MessagesContext
	l *life
}

func (m simMessages) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	msg, err := m.MessagesContext.Next(opts...)
	if err != nil {
		return nil, err
	}
	m.l.travel("replay " + msg.Subject())
	m.l.arrived(msg.Data())
	return simMsg{msg, m.l}, nil
}

type simMsg struct {
	jetstream.Msg
	l *life
}

func (m simMsg) Ack() error {
	err := m.Msg.Ack()
	if err == nil {
		m.l.acked(m.Data())
	}
	return err
}

// travel takes a while, and now and then longer.
func (l *life) travel(what string) {
	r := l.dice(what)
	limit := 5 * time.Millisecond
	if percent(r, 3) {
		limit = 5 * time.Second
	}
	time.Sleep(between(r, 1, limit))
}

// heard notes a live copy. A life that lasts must not lose it: it may be the
// only one there is.
func (l *life) heard(data []byte) {
	l.arrived(data)
	if o := l.s.orderOf(data); o != nil {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		o.heard = l.n + 1
	}
}

func (l *life) arrived(data []byte) {
	if o := l.s.orderOf(data); o != nil {
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		o.arrived = true
	}
}

// handedOver notes that the agent has a live copy. If nothing but orderly stops
// ends its lives, it must not lose it: what has reached it is recorded first.
func (l *life) handedOver(data []byte) {
	if l.s.plan.calm && !l.isPast(lastArrivals) {
		l.acked(data)
	}
}

// acked notes that the agent has taken a request ID over, be it that it has
// refused this copy because it knows another one: from here on it is the agent's
// to answer, whoever else forgets it. The dead acknowledge nothing.
func (l *life) acked(data []byte) {
	o := l.s.orderOf(data)
	if o == nil || l.isDead() {
		return
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	o.acked = true
}

// orderOf finds the order that a command belongs to.
func (s *sim) orderOf(command []byte) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.plan.orders {
		for _, variant := range o.variants {
			if bytes.Equal(variant, command) {
				return o
			}
		}
	}
	return nil // a kill, or what wakes a wait
}
