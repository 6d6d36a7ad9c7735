package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// inboxSender publishes with a reply subject of its own and reads all answers
// from one subscription, which survives reconnects. Compared with one request a
// record it spares a goroutine, a timer and a channel each.
type inboxSender struct {
	d         *delivery
	transport retry.Transport
	prefix    string // of the reply subjects, with the last dot
	sub       retry.Subscription
	session   atomic.Pointer[session]
}

// inboxNamer is an ability of a transport whose connection has its own prefix
// for inboxes.
type inboxNamer interface{ NewInbox() string }

func newInboxSender(d *delivery, t retry.Transport) (*inboxSender, error) {
	inbox := nats.NewInbox()
	if n, ok := t.(inboxNamer); ok {
		inbox = n.NewInbox()
	}
	s := &inboxSender{d: d, transport: t, prefix: inbox + "."}
	// Late answers come on top of those of the window.
	pending := max(64*d.o.opt.window, 1024)
	sub, err := t.Subscribe(s.prefix+"*", pending, s.receive)
	if err != nil {
		return nil, err
	}
	s.sub = sub
	return s, nil
}

func (i *inboxSender) send(s *session, token uint64, m *nats.Msg) error {
	i.session.Store(s)
	m.Reply = i.prefix + strconv.FormatUint(token, 36)
	return i.transport.Publish(m)
}

func (i *inboxSender) receive(m *nats.Msg) {
	token, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, i.prefix), 36, 64)
	if err != nil {
		return // nothing of ours
	}
	i.d.answered(i.session.Load(), token, parseAnswer(m))
}

func (i *inboxSender) settle() {}

func (i *inboxSender) stop() {
	if err := i.sub.Stop(); err != nil {
		i.d.o.opt.log.Warn("reply inbox cannot be closed", "error", err)
	}
}

func (i *inboxSender) keeps() bool { return false }

// statusNoResponders is the broker's own answer when nobody listens.
const statusNoResponders = "503"

func parseAnswer(m *nats.Msg) answer {
	if len(m.Data) == 0 && m.Header.Get("Status") == statusNoResponders {
		return answer{err: jetstream.ErrNoStreamResponse}
	}
	var reply struct {
		Error *jetstream.APIError `json:"error"`
		jetstream.PubAck
	}
	if err := json.Unmarshal(m.Data, &reply); err != nil {
		return answer{err: errors.Join(jetstream.ErrInvalidJSAck, err)}
	}
	if reply.Error != nil {
		return answer{err: fmt.Errorf("broker: %w", reply.Error)}
	}
	if reply.Stream == "" {
		return answer{err: jetstream.ErrInvalidJSAck}
	}
	return answer{ack: &reply.PubAck}
}
