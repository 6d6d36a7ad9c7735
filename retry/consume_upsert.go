package retry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// consumerLookup is an ability that a ConsumerSource may have; jetstream.JetStream has it.
type consumerLookup interface {
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
}

// upsert makes the consumer, or brings the existing one to cfg as far as the server lets it.
func (c *consumption) upsert(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if err := c.awaitRemoval(ctx); err != nil {
		return nil, err
	}
	consumer, err := c.js.CreateOrUpdateConsumer(ctx, c.stream, cfg)
	if err == nil {
		c.unstored = false
	}
	lookup, ok := c.js.(consumerLookup)
	if !ok || !errors.Is(err, jetstream.ErrConsumerCreate) {
		return consumer, err
	}
	existing, lookupErr := lookup.Consumer(ctx, c.stream, cmp.Or(cfg.Name, cfg.Durable))
	if lookupErr != nil {
		return nil, fmt.Errorf("%w (%w)", err, lookupErr)
	}
	adopted := adopt(cfg, existing.CachedInfo().Config)
	if !storeFailed(err) && !reflect.DeepEqual(adopted, cfg) {
		consumer, err = c.js.CreateOrUpdateConsumer(ctx, c.stream, adopted)
	}
	if storeFailed(err) {
		return c.withoutStore(ctx, cfg, existing, err)
	}
	return consumer, err
}

// adopt takes over what matters only when a consumer is made, and what the server therefore does not let change.
func adopt(cfg, existing jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	cfg.DeliverPolicy = existing.DeliverPolicy
	cfg.OptStartSeq, cfg.OptStartTime = existing.OptStartSeq, existing.OptStartTime
	cfg.ReplayPolicy = existing.ReplayPolicy
	cfg.MaxWaiting = existing.MaxWaiting
	return cfg
}

// serves reports that a consumer with the configuration existing delivers what one with cfg would, in the same way. What
// cfg leaves to the server counts as the server has it, and so do words about the consumer.
func serves(existing, cfg jetstream.ConsumerConfig) bool {
	cfg = adopt(cfg, existing)
	cfg.Name, cfg.Durable = existing.Name, existing.Durable
	cfg.Description, cfg.Metadata = existing.Description, existing.Metadata
	cfg.PauseUntil = existing.PauseUntil // an update leaves it alone
	cfg.AckWait = cmp.Or(cfg.AckWait, existing.AckWait)
	if len(cfg.BackOff) > 0 {
		cfg.AckWait = cfg.BackOff[0] // as the server has it
	}
	cfg.MaxDeliver = max(cmp.Or(cfg.MaxDeliver, existing.MaxDeliver), -1)
	cfg.MaxAckPending = max(cmp.Or(cfg.MaxAckPending, existing.MaxAckPending), -1)
	cfg.InactiveThreshold = cmp.Or(cfg.InactiveThreshold, existing.InactiveThreshold)
	cfg.MaxRequestBatch = cmp.Or(cfg.MaxRequestBatch, existing.MaxRequestBatch)
	cfg.PinnedTTL = cmp.Or(cfg.PinnedTTL, existing.PinnedTTL)
	if slices.Equal(filtersOf(cfg), filtersOf(existing)) {
		cfg.FilterSubject, cfg.FilterSubjects = existing.FilterSubject, existing.FilterSubjects
	}
	return onTheWire(cfg) == onTheWire(existing)
}

func filtersOf(cfg jetstream.ConsumerConfig) []string {
	if cfg.FilterSubject != "" {
		return []string{cfg.FilterSubject}
	}
	return slices.Sorted(slices.Values(cfg.FilterSubjects))
}

// onTheWire knows no difference between a field that is empty and one that is absent, as the server does not.
func onTheWire(cfg jetstream.ConsumerConfig) string {
	text, err := json.Marshal(cfg)
	if err != nil { // only what has been sent to the server gets here
		return err.Error()
	}
	return string(text)
}
