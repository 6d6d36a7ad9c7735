package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/retry"
)

// reportedConsumers tells the board what becomes of the consumers that it makes.
type reportedConsumers struct {
	retry.ConsumerSource
	board *health.Board
}

// CreateOrUpdateConsumer is that of the source. The end of the caller's wait is
// nobody's failure.
func (r reportedConsumers) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	consumer, err := r.ConsumerSource.CreateOrUpdateConsumer(ctx, stream, cfg)
	name := "consumer " + stream + "/" + cmp.Or(cfg.Name, cfg.Durable)
	switch {
	case err == nil:
		r.board.Fine(name)
	case !errors.Is(err, context.Canceled):
		r.board.Problem(name, err)
	}
	return consumer, err
}

// Consumer is the ability to look a consumer up, which retry.Consume uses where
// the source has it.
func (r reportedConsumers) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	lookup, ok := r.ConsumerSource.(interface {
		Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
	})
	if !ok {
		return nil, fmt.Errorf("agent: look up consumer: %w", errors.ErrUnsupported)
	}
	return lookup.Consumer(ctx, stream, name)
}
