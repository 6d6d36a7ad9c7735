package jstest

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// inbox is where the replies to one request arrive.
type inbox struct {
	*mailbox
	client *Client
	sub    *subscriber
	lost   <-chan struct{} // of the connection on which the request went out; nil while it is in the buffer
}

// openInbox opens an inbox and sends m with it as the reply subject.
func (c *Client) openInbox(m *nats.Msg) (*inbox, error) {
	box := newMailbox()
	in := &inbox{mailbox: box, client: c, sub: &subscriber{client: c, subject: c.broker.newInbox(), deliver: box.put}}
	c.broker.subscribe(in.sub)
	lost, err := c.sendMsg(m, in.sub.subject)
	if err != nil {
		in.close()
		return nil, err
	}
	in.lost = lost
	return in, nil
}

func (b *broker) newInbox() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inboxes++
	return fmt.Sprintf("_INBOX.jstest.%d", b.inboxes)
}

func (in *inbox) close() { in.client.broker.unsubscribe(in.sub) }

// next waits for a reply. When losing is true, the end of the connection ends it.
func (in *inbox) next(ctx context.Context, losing bool) (*nats.Msg, error) {
	var lost <-chan struct{}
	if losing {
		lost = in.lost
	}
	for {
		if m := in.take(); m != nil {
			if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
				return nil, nats.ErrNoResponders
			}
			return m, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-lost:
			return nil, nats.ErrDisconnected
		case <-in.wake:
		}
	}
}

// request sends m and waits for the first reply.
func (c *Client) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := c.openInbox(m)
	if err != nil {
		return nil, err
	}
	defer in.close()
	return in.next(ctx, true)
}
