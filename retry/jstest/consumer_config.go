package jstest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	defaultAckWait       = 30 * time.Second
	defaultMaxAckPending = 1000
	defaultMaxWaiting    = 512
)

func checkConsumerName(name string) error {
	if name == "" {
		return fmt.Errorf("%w: name is required", jetstream.ErrInvalidConsumerName)
	}
	if strings.ContainsAny(name, ">*. /\\\t\r\n") {
		return fmt.Errorf("%w: %q", jetstream.ErrInvalidConsumerName, name)
	}
	return nil
}

// normalConsumer fills in the server's defaults, so that configurations can be compared.
func normalConsumer(cfg jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	refuseConsumerConfig(cfg)
	if cfg.Name == "" {
		cfg.Name = cfg.Durable
	}
	if cfg.AckWait == 0 && cfg.AckPolicy != jetstream.AckNonePolicy {
		cfg.AckWait = defaultAckWait
	}
	if cfg.MaxDeliver == 0 {
		cfg.MaxDeliver = -1
	}
	if cfg.MaxAckPending == 0 && cfg.AckPolicy != jetstream.AckNonePolicy {
		cfg.MaxAckPending = defaultMaxAckPending
	}
	if cfg.MaxWaiting == 0 {
		cfg.MaxWaiting = defaultMaxWaiting
	}
	return cfg
}

// refuseConsumerConfig panics at what would change the consumer's behaviour and is not imitated. An inactive threshold
// is taken and has no effect: a fake consumer stays until it is deleted.
func refuseConsumerConfig(cfg jetstream.ConsumerConfig) {
	if cfg.Name == "" && cfg.Durable == "" {
		notImitated("a consumer without a name")
	}
	for what, set := range map[string]bool{
		"AckPolicy": cfg.AckPolicy != jetstream.AckExplicitPolicy && cfg.AckPolicy != jetstream.AckNonePolicy,
		"BackOff":   len(cfg.BackOff) > 0, "ReplayPolicy": cfg.ReplayPolicy != jetstream.ReplayInstantPolicy,
		"RateLimit": cfg.RateLimit != 0, "HeadersOnly": cfg.HeadersOnly, "PauseUntil": cfg.PauseUntil != nil,
		"PriorityPolicy": cfg.PriorityPolicy != jetstream.PriorityPolicyNone, "DeliverSubject": cfg.DeliverSubject != "",
	} {
		if set {
			notImitated("this value of ConsumerConfig." + what)
		}
	}
}

func checkFilters(cfg jetstream.ConsumerConfig) error {
	if cfg.FilterSubject != "" && len(cfg.FilterSubjects) > 0 {
		return jetstream.ErrDuplicateFilterSubjects
	}
	for i, f := range cfg.FilterSubjects {
		if f == "" {
			return jetstream.ErrEmptyFilter
		}
		if slices.ContainsFunc(cfg.FilterSubjects[:i], func(other string) bool { return overlap(f, other) }) {
			return jetstream.ErrOverlappingFilterSubjects
		}
	}
	return nil
}

func (b *broker) consumer(stream, name string) (*consumerState, error) {
	st, err := b.stream(stream)
	if err != nil {
		return nil, err
	}
	c, ok := st.consumers[name]
	if !ok {
		return nil, jetstream.ErrConsumerNotFound
	}
	return c, nil
}

// upsert says what to do when the consumer is there already, or is not.
type upsert struct{ create, update bool }

func (b *broker) upsertConsumer(stream string, cfg jetstream.ConsumerConfig, may upsert) (*consumerState, error) {
	st, err := b.stream(stream)
	if err != nil {
		return nil, err
	}
	if err := checkFilters(cfg); err != nil {
		return nil, err
	}
	c, exists := st.consumers[cfg.Name]
	switch {
	case !exists && !may.create:
		return nil, jetstream.ErrConsumerDoesNotExist
	case !exists:
		c = newConsumerState(st, cfg.Name, cfg)
		st.consumers[cfg.Name] = c
	case reflect.DeepEqual(c.cfg, cfg):
	case !may.update:
		return nil, jetstream.ErrConsumerExists
	default:
		if err := c.update(cfg); err != nil {
			return nil, err
		}
	}
	b.wake()
	return c, nil
}

// update takes what the server lets change in a pull consumer. New filters count from where the consumer is: a message
// that the old ones passed over does not come back.
func (c *consumerState) update(cfg jetstream.ConsumerConfig) error {
	for what, differs := range map[string]bool{
		"deliver policy": cfg.DeliverPolicy != c.cfg.DeliverPolicy,
		"start sequence": cfg.OptStartSeq != c.cfg.OptStartSeq,
		"start time":     !reflect.DeepEqual(cfg.OptStartTime, c.cfg.OptStartTime),
		"ack policy":     cfg.AckPolicy != c.cfg.AckPolicy,
	} {
		if differs {
			return &jetstream.APIError{
				Code: 500, ErrorCode: jetstream.JSErrCodeConsumerCreate, Description: what + " can not be updated",
			}
		}
	}
	c.cfg = cfg
	c.cursor.filters = filtersOf(cfg)
	return nil
}

func (b *broker) deleteConsumer(stream, name string) error {
	c, err := b.consumer(stream, name)
	if err != nil {
		return err
	}
	c.deleted = true
	delete(c.stream.consumers, name)
	b.wake()
	return nil
}
