package jstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subscriber is one interest in a subject. deliver runs under the broker's lock and does not wait.
type subscriber struct {
	client  *Client
	subject string
	deliver func(*nats.Msg)
}

func (b *broker) subscribe(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers = append(b.subscribers, s)
}

func (b *broker) unsubscribe(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers = slices.DeleteFunc(b.subscribers, func(other *subscriber) bool { return other == s })
}

// route hands m to every subscriber and to the stream that takes its subject. When there is none and somebody waits for
// a reply, it says so with status 503, as the server does.
func (b *broker) route(m *nats.Msg) {
	taken := false
	for _, s := range b.subscribers {
		if s.client.connected && matches(s.subject, m.Subject) {
			taken = true
			s.deliver(copyMsg(m))
		}
	}
	for _, st := range b.streams {
		if matchesAny(st.cfg.Subjects, m.Subject) {
			taken = true
			b.storeAndAnswer(st, m)
		}
	}
	taken = b.answerDirect(m) || b.answerStored(m) || taken
	if !taken && m.Reply != "" {
		b.route(&nats.Msg{Subject: m.Reply, Header: nats.Header{"Status": {"503"}}})
	}
}

func (b *broker) storeAndAnswer(st *streamState, m *nats.Msg) {
	var answer struct {
		Error *jetstream.APIError `json:"error,omitempty"`
		*jetstream.PubAck
	}
	ack, err := st.store(m)
	answer.PubAck, answer.Error = ack, err
	b.wake()
	if m.Reply == "" {
		return
	}
	data, jsonErr := json.Marshal(answer)
	if jsonErr != nil {
		panic(fmt.Sprintf("jstest: encode acknowledgement: %v", jsonErr))
	}
	b.route(&nats.Msg{Subject: m.Reply, Data: data})
}

// sendMsg checks m as nats.go does, and sends a copy of it with this reply subject.
func (c *Client) sendMsg(m *nats.Msg, reply string) error {
	if err := checkOutgoing(m); err != nil {
		return err
	}
	out := copyMsg(m)
	out.Reply = reply
	return c.send(out.Size(), func() { c.broker.route(out) })
}

func checkOutgoing(m *nats.Msg) error {
	switch {
	case m == nil:
		return nats.ErrInvalidMsg
	case badSubject(m.Subject):
		return nats.ErrBadSubject
	case m.Size()-len(m.Subject)-len(m.Reply) > maxPayload:
		return nats.ErrMaxPayload
	case strings.HasPrefix(m.Subject, "$JS.") && !strings.HasPrefix(m.Subject, directGetPrefix) && !strings.HasPrefix(m.Subject, storedGetPrefix):
		notImitated("a message to " + m.Subject)
	}
	for _, name := range []string{
		jetstream.ExpectedStreamHeader, jetstream.ExpectedLastSeqHeader, jetstream.ExpectedLastSubjSeqSubjHeader,
		jetstream.ExpectedLastMsgIDHeader, jetstream.MsgTTLHeader, jetstream.ScheduleHeader,
	} {
		if m.Header.Get(name) != "" {
			notImitated("the header " + name)
		}
	}
	return nil
}

func copyMsg(m *nats.Msg) *nats.Msg {
	return &nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: copyHeader(m.Header), Data: slices.Clone(m.Data)}
}

func copyHeader(h nats.Header) nats.Header {
	if h == nil {
		return nil
	}
	c := maps.Clone(h)
	for name, values := range c {
		c[name] = slices.Clone(values)
	}
	return c
}

// mailbox holds messages until somebody takes them.
type mailbox struct {
	mu    sync.Mutex
	queue []*nats.Msg
	wake  chan struct{} // has an element when there may be something to take
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

func (m *mailbox) put(msg *nats.Msg) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = append(m.queue, msg)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns nil when the box is empty.
func (m *mailbox) take() *nats.Msg {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return nil
	}
	msg := m.queue[0]
	m.queue = m.queue[1:]
	return msg
}
