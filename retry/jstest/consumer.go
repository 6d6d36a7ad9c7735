package jstest

import (
	"context"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

var _ jetstream.Consumer = (*consumer)(nil)

// CreateOrUpdateConsumer creates a pull consumer, or changes the one of that name.
func (js *JetStream) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return js.upsertConsumer(ctx, stream, cfg, upsert{create: true, update: true})
}

// CreateConsumer creates a pull consumer, or returns the one that has the same configuration.
func (js *JetStream) CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return js.upsertConsumer(ctx, stream, cfg, upsert{create: true})
}

// UpdateConsumer changes an existing pull consumer.
func (js *JetStream) UpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return js.upsertConsumer(ctx, stream, cfg, upsert{update: true})
}

// Consumer looks a pull consumer up.
func (js *JetStream) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	return js.onConsumer(ctx, stream, name, func(b *broker) (*consumerState, error) { return b.consumer(stream, name) })
}

// DeleteConsumer deletes a consumer. Its iterators end with jetstream.ErrConsumerDeleted.
func (js *JetStream) DeleteConsumer(ctx context.Context, stream, name string) error {
	if err := checkConsumer(stream, name); err != nil {
		return err
	}
	_, err := ask(ctx, js.client, OpConsumer, func(b *broker) (struct{}, error) {
		return struct{}{}, b.deleteConsumer(stream, name)
	})
	return err
}

func (js *JetStream) upsertConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, may upsert) (jetstream.Consumer, error) {
	cfg = normalConsumer(cfg)
	return js.onConsumer(ctx, stream, cfg.Name, func(b *broker) (*consumerState, error) {
		return b.upsertConsumer(stream, cfg, may)
	})
}

func (js *JetStream) onConsumer(ctx context.Context, stream, name string, do func(*broker) (*consumerState, error)) (jetstream.Consumer, error) {
	if err := checkConsumer(stream, name); err != nil {
		return nil, err
	}
	return ask(ctx, js.client, OpConsumer, func(b *broker) (jetstream.Consumer, error) {
		state, err := do(b)
		if err != nil {
			return nil, err
		}
		c := &consumer{client: js.client, stream: stream, name: name}
		c.cached.Store(state.info())
		return c, nil
	})
}

func checkConsumer(stream, name string) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	return checkConsumerName(name)
}

// consumer is a handle: like the real one it names a consumer, and outlives it.
type consumer struct {
	client       *Client
	stream, name string
	cached       atomic.Pointer[jetstream.ConsumerInfo]
}

func (c *consumer) CachedInfo() *jetstream.ConsumerInfo { return c.cached.Load() }

func (c *consumer) Info(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	return ask(ctx, c.client, OpConsumer, func(b *broker) (*jetstream.ConsumerInfo, error) {
		state, err := b.consumer(c.stream, c.name)
		if err != nil {
			return nil, err
		}
		c.cached.Store(state.info())
		return c.cached.Load(), nil
	})
}

// Messages returns an iterator that pulls one message at each Next: options about batches, limits and heartbeats are
// taken and have no effect.
func (c *consumer) Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	for _, opt := range opts {
		if _, ok := opt.(jetstream.StopAfter); ok {
			notImitated("StopAfter")
		}
	}
	if err := c.client.faults.take(OpMessages); err != nil {
		return nil, err
	}
	return &messages{client: c.client, stream: c.stream, name: c.name, closed: make(chan struct{})}, nil
}
