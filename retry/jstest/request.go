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
}

// openInbox opens an inbox and sends m with it as the reply subject.
func (c *Client) openInbox(m *nats.Msg) (*inbox, error) {
	box := newMailbox()
	in := &inbox{mailbox: box, client: c, sub: &subscriber{client: c, subject: c.broker.newInbox(), deliver: box.put}}
	c.broker.subscribe(in.sub)
	if err := c.sendMsg(m, in.sub.subject); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (b *broker) newInbox() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inboxes++
	return fmt.Sprintf("_INBOX.jstest.%d", b.inboxes)
}

func (in *inbox) close() { in.client.broker.unsubscribe(in.sub) }

// poll returns a reply if there is one, or the broker's notice that there will be none.
func (in *inbox) poll() (*nats.Msg, error) {
	m := in.take()
	if m != nil && len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return nil, nats.ErrNoResponders
	}
	return m, nil
}

// wait waits for a reply, however often the connection is lost.
func (in *inbox) wait(ctx context.Context) (*nats.Msg, error) {
	for {
		if m, err := in.poll(); m != nil || err != nil {
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
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
	return in.wait(ctx)
}

// requestMany sends m and yields replies until yield has had enough. A request made while disconnected waits for the
// connection; after that, its loss is an end.
func (c *Client) requestMany(ctx context.Context, m *nats.Msg, yield func(*nats.Msg, error) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	connected, changed := c.state()
	in, err := c.openInbox(m)
	if err != nil {
		return err
	}
	defer in.close()
	for {
		m, err := in.poll()
		if err != nil {
			return err
		}
		if m != nil {
			if !yield(m, nil) {
				return nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.wake:
		case <-changed:
			if connected {
				return nats.ErrDisconnected
			}
			connected, changed = c.state()
		}
	}
}
