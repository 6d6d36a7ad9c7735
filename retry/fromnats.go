package retry

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

type natsTransport struct {
	nc      *nats.Conn
	state   *connState
	denials denials
}

// FromNATS adapts a connection, which must not be nil. A connection has one Transport until it is closed, however often
// FromNATS is called: a goroutine follows the connection's state and ends when the connection is closed, as the goroutines of
// nats.go do. The connection stays the caller's: its handlers keep working, and nothing here closes it.
//
// Connect with nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1) and nats.IgnoreAuthErrorAbort(), or the connection
// gives up where this package does not. State counts a draining connection as connected until it is closed. FromNATS waits for the state of a connection that
// is just blocked by a write for 2 s at most; it counts as down until it can tell.
//
// Subscribe keeps nats.go's limit of 64 MiB of waiting messages beside the limit on their number, which must be at least 1
// (nats.ErrInvalidArg). When it returns, the subscription is on its way to the server, ahead of what is sent later through
// the same Transport. Before relying on messages from others, assert the Transport as an interface with the method
// Flush(context.Context) error and call that: it returns when the server has processed everything sent so far. Dropped
// stays at its last known value after Stop, or after the connection was closed.
//
// While disconnected, Publish and Request fill nats.go's reconnect buffer, 8 MiB by default, then fail with
// nats.ErrReconnectBufExceeded; with nats.ReconnectBufSize(-1) they fail at once. What is worth nothing later, such as a
// heartbeat, is better given to PublishNow, an ability beside Transport as well, which never buffers and never blocks.
// Before the very first connect, messages with headers fail with nats.ErrHeadersNotSupported.
// When the connection is lost while they wait, RequestMany fails with nats.ErrDisconnected, while Request waits on: its reply
// may still come, so give it a deadline. RequestMany keeps
// 65,536 replies waiting and ends with nats.ErrSlowConsumer when there are more.
func FromNATS(nc *nats.Conn) Transport {
	t := adapted.get(nc)
	t.state.awaitFirstLook()
	return t
}

func (t *natsTransport) State() (connected bool, changed <-chan struct{}) { return t.state.get() }

// MaxPayload is the size of the largest message, headers and data, that the server takes; 0 before the first connect. It is
// an ability beside Transport, to be asserted.
func (t *natsTransport) MaxPayload() int64 { return t.nc.MaxPayload() }

func (t *natsTransport) Publish(m *nats.Msg) error {
	if m == nil {
		return fmt.Errorf("retry: publish: %w", nats.ErrInvalidMsg)
	}
	if err := t.nc.PublishMsg(m); err != nil {
		return fmt.Errorf("retry: publish to %s: %w", m.Subject, err)
	}
	return nil
}

// PublishNow publishes m if the connection is up, and else drops it with nats.ErrDisconnected: nothing waits in a buffer and
// arrives late, in a burst with others. It returns at once while the connection is being dialled, which Publish does not. A
// loss that nobody has noticed yet takes m with it. It is an ability beside Transport, to be asserted.
func (t *natsTransport) PublishNow(m *nats.Msg) error {
	if m == nil {
		return fmt.Errorf("retry: publish: %w", nats.ErrInvalidMsg)
	}
	if connected, _ := t.state.get(); !connected {
		return fmt.Errorf("retry: publish to %s: %w", m.Subject, nats.ErrDisconnected)
	}
	return t.Publish(m)
}

// Closed is closed when the connection is closed for good: nothing that waits on this Transport will get on. It is an ability
// beside Transport, to be asserted.
func (t *natsTransport) Closed() <-chan struct{} { return t.state.closed }

func (t *natsTransport) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if m == nil {
		return nil, fmt.Errorf("retry: request: %w", nats.ErrInvalidMsg)
	}
	reply, err := t.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("retry: request to %s: %w", m.Subject, err)
	}
	return reply, nil
}
