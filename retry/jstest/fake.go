package jstest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	requestTimeout   = 5 * time.Second // jetstream's for a context without a deadline
	maxPayload       = 1 << 20         // nats-server's default
	reconnectBufSize = 8 << 20         // nats.go's default
)

// Fake is one broker in memory, with one client at hand. More clients of the same broker come from NewClient.
type Fake struct {
	*Client
}

// NewFake returns an empty broker with a connected client. In a synctest bubble, make it inside.
func NewFake() *Fake {
	b := &broker{changed: make(chan struct{}), streams: map[string]*streamState{}}
	return &Fake{Client: newClient(b)}
}

// NewClient returns another connected client of the same broker: what it sends still arrives while the first is
// disconnected, and faults scripted for the first do not hit it.
func (f *Fake) NewClient() *Client { return newClient(f.broker) }

// Client is one connection to the broker, seen as a JetStream and as a Conn. Both share its state and its faults.
type Client struct {
	broker *broker
	faults faults

	// guarded by broker.mu
	connected   bool
	stateChange chan struct{} // closed and replaced when connected changes
	epoch       int           // counts the connects
	buffer      []func()      // sent while disconnected
	buffered    int           // its size in bytes
}

func newClient(b *broker) *Client {
	return &Client{broker: b, connected: true, stateChange: make(chan struct{})}
}

// JetStream returns this client's JetStream.
func (c *Client) JetStream() *JetStream { return &JetStream{client: c} }

// Conn returns this client's core connection.
func (c *Client) Conn() *Conn { return &Conn{client: c} }

// Disconnect cuts this client off: calls that need an answer wait, messages sent wait in the client's buffer, and core
// messages for its subscriptions are lost to it. On a disconnected client it does nothing.
func (c *Client) Disconnect() { c.setConnected(false) }

// Reconnect ends a Disconnect: the buffer goes out in order, and what waits goes on.
func (c *Client) Reconnect() { c.setConnected(true) }

func (c *Client) setConnected(connected bool) {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.connected == connected {
		return
	}
	c.connected = connected
	close(c.stateChange)
	c.stateChange = make(chan struct{})
	c.broker.wake()
	if !connected {
		return
	}
	c.epoch++
	for _, do := range c.buffer {
		do()
	}
	c.buffer, c.buffered = nil, 0
}

// lockConnected returns nil with the broker locked and the client connected, or ctx's error with the broker unlocked.
func (c *Client) lockConnected(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.broker.mu.Lock()
		if c.connected {
			return nil
		}
		change := c.stateChange
		c.broker.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-change:
		}
	}
}

// ask is one request to the broker's API: it fails as scripted, waits for the connection, and runs do under the lock.
func ask[T any](ctx context.Context, c *Client, op string, do func(*broker) (T, error)) (T, error) {
	var none T
	if err := c.faults.take(op); err != nil {
		return none, err
	}
	ctx, cancel := withRequestTimeout(ctx)
	defer cancel()
	if err := c.lockConnected(ctx); err != nil {
		return none, err
	}
	defer c.broker.mu.Unlock()
	return do(c.broker)
}

// send runs do under the lock, now or at the next Reconnect.
func (c *Client) send(size int, do func()) error {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.connected {
		do()
		return nil
	}
	if c.buffered+size > reconnectBufSize {
		return nats.ErrReconnectBufExceeded
	}
	c.buffer = append(c.buffer, do)
	c.buffered += size
	return nil
}

// state is connected, and what is closed at its next change.
func (c *Client) state() (connected bool, changed <-chan struct{}) {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	return c.connected, c.stateChange
}

func withRequestTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, requestTimeout)
}

// broker is what all clients share. Nothing waits while it holds mu.
type broker struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and replaced whenever somebody who waits should look again
	streams     map[string]*streamState
	subscribers []*subscriber
	inboxes     int
}

func (b *broker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// notImitated panics: a fake that answered nothing, or nil, would make a test pass for the wrong reason.
func notImitated(what string) { panic(unimitated(what)) }

func unimitated(what string) string {
	return fmt.Sprintf("jstest: %s is not imitated by the fake; use a real broker (StartBroker)", what)
}
