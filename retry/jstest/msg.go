package jstest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var _ jetstream.Msg = (*Msg)(nil)

// SettlementKind says how a message was settled.
type SettlementKind string

// The ways to settle a message. Progressed does not end it.
const (
	Acked      SettlementKind = "ack"
	Naked      SettlementKind = "nak"
	Termed     SettlementKind = "term"
	Progressed SettlementKind = "in progress"
)

// Settlement is one answer to a message.
type Settlement struct {
	Kind   SettlementKind
	Delay  time.Duration // of NakWithDelay
	Reason string        // of TermWithReason
}

// Msg is a JetStream message that records how it was settled. Those that a fake consumer delivers settle there;
// those from NewMsg only record.
type Msg struct {
	subject, reply string
	header         nats.Header
	data           []byte
	meta           *jetstream.MsgMetadata
	client         *Client // nil: from NewMsg

	mu      sync.Mutex
	settled []Settlement
	ended   bool
}

// NewMsg returns a message for tests that need no consumer. meta may be nil; Metadata then fails with jetstream.ErrNotJSMessage.
func NewMsg(m *nats.Msg, meta *jetstream.MsgMetadata) *Msg {
	return &Msg{subject: m.Subject, reply: m.Reply, header: m.Header, data: m.Data, meta: meta}
}

// Settlements returns what was answered so far, in order.
func (m *Msg) Settlements() []Settlement {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.settled)
}

// Metadata returns where the message comes from, or jetstream.ErrNotJSMessage.
func (m *Msg) Metadata() (*jetstream.MsgMetadata, error) {
	if m.meta == nil {
		return nil, jetstream.ErrNotJSMessage
	}
	meta := *m.meta
	return &meta, nil
}

// Data returns the payload.
func (m *Msg) Data() []byte { return m.data }

// Headers returns the headers, nil without any.
func (m *Msg) Headers() nats.Header { return m.header }

// Subject returns the subject on which the message was published.
func (m *Msg) Subject() string { return m.subject }

// Reply returns the subject of the acknowledgement.
func (m *Msg) Reply() string { return m.reply }

// Ack settles the message for good. A second settlement fails with jetstream.ErrMsgAlreadyAckd, as for all of these.
func (m *Msg) Ack() error { return m.settle(Settlement{Kind: Acked}) }

// DoubleAck is Ack that waits for the broker, so for the reconnect while disconnected.
func (m *Msg) DoubleAck(ctx context.Context) error {
	if m.client != nil {
		ctx, cancel := withRequestTimeout(ctx)
		defer cancel()
		if err := m.client.lockConnected(ctx); err != nil {
			return err
		}
		m.client.broker.mu.Unlock()
	}
	return m.Ack()
}

// Nak asks for the message again, at once.
func (m *Msg) Nak() error { return m.settle(Settlement{Kind: Naked}) }

// NakWithDelay asks for the message again after delay.
func (m *Msg) NakWithDelay(delay time.Duration) error {
	return m.settle(Settlement{Kind: Naked, Delay: delay})
}

// InProgress starts the consumer's ack wait anew.
func (m *Msg) InProgress() error { return m.settle(Settlement{Kind: Progressed}) }

// Term tells the consumer not to deliver the message again.
func (m *Msg) Term() error { return m.settle(Settlement{Kind: Termed}) }

// TermWithReason is Term with a reason for the broker's advisory.
func (m *Msg) TermWithReason(reason string) error {
	return m.settle(Settlement{Kind: Termed, Reason: reason})
}

func (m *Msg) settle(s Settlement) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return jetstream.ErrMsgAlreadyAckd
	}
	if err := m.tell(s); err != nil {
		return err
	}
	m.settled = append(m.settled, s)
	m.ended = s.Kind != Progressed
	return nil
}

// tell sends the settlement to the consumer that has the message's name now, whichever that is. Without one it is lost.
func (m *Msg) tell(s Settlement) error {
	if m.client == nil {
		return nil
	}
	if err := m.client.faults.take(OpSettle); err != nil {
		return err
	}
	return m.client.send(len(m.reply), func() {
		if c, err := m.client.broker.consumer(m.meta.Stream, m.meta.Consumer); err == nil {
			c.settle(m.meta.Sequence.Stream, s, time.Now())
			m.client.broker.wake()
		}
	})
}
