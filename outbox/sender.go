package outbox

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sender publishes messages. Each message that it has taken without an error
// gets an answer through delivery.answered, unless it is lost.
type sender interface {
	send(s *session, token uint64, m *nats.Msg) error
	// settle returns when no answer of a session that has ended is on its way.
	settle()
	// stop ends everything.
	stop()
	// keeps tells whether a message without an answer stays in memory.
	keeps() bool
}

// newSender publishes through the transport when p is nothing but the JetStream
// of a connection, and through p when it is anything else, since that may be
// its purpose.
func newSender(d *delivery, p Publisher) sender {
	_, plain := p.(jetstream.JetStream)
	if t := d.o.opt.transport; plain && t != nil {
		s, err := newInboxSender(d, t)
		if err == nil {
			return s
		}
		d.o.opt.log.Warn("no reply inbox, publishing one by one", "error", err)
	}
	return &callSender{d: d, p: p}
}

// callSender has a goroutine for each publish.
type callSender struct {
	d     *delivery
	p     Publisher
	calls sync.WaitGroup
}

func (c *callSender) send(s *session, token uint64, m *nats.Msg) error {
	c.calls.Go(func() {
		ctx, cancel := context.WithTimeout(s.online, ackWait)
		defer cancel()
		ack, err := c.p.PublishMsg(ctx, m)
		c.d.answered(s, token, answer{ack, err})
	})
	return nil
}

func (c *callSender) settle()     { c.calls.Wait() }
func (c *callSender) stop()       { c.calls.Wait() }
func (c *callSender) keeps() bool { return true }
