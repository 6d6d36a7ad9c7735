package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrConsumerNotUpdated says in an Attempt of Consume that the consumer stands, is not what it should be, and is read as it is.
var ErrConsumerNotUpdated = errors.New("retry: the consumer is read as it is, because it could not be brought to its configuration")

// errAskAgain ends a session with a consumer that is not what it should be: it is time to ask for that again.
var errAskAgain = errors.New("the consumer is not as it should be")

// ensure returns the consumer, with the configuration that cfg answers at the last moment. Where it stands and the server
// does not bring it to that, ensure returns it as it is, and w tells when to ask again.
func (c *consumption) ensure(ctx context.Context, w *watch) (jetstream.Consumer, error) {
	cfg, _ := c.cfg()
	c.name = cmp.Or(cfg.Name, cfg.Durable)
	waiting, enough := context.WithCancel(ctx)
	defer enough()
	var asIs jetstream.Consumer
	var refusal error
	consumer, err := waitFor(waiting, c.what(), c.stream, func(ctx context.Context) (jetstream.Consumer, error) {
		w.look()
		if err := checkFilters(w.cfg); err != nil {
			return nil, err
		}
		consumer, err := c.linked(ctx, "CREATE", func(ctx context.Context) (jetstream.Consumer, error) { return c.upsert(ctx, w.cfg) })
		if asIs = c.standing(waiting, w.cfg, err); asIs == nil {
			return consumer, err
		}
		if serves(asIs.CachedInfo().Config, w.cfg) {
			c.o.log.Debug("the consumer could not be updated, and is as it should be", "what", c.what(), "error", err)
			return asIs, nil
		}
		refusal = err
		enough() // the wait is over: it goes on beside the reading
		return nil, err
	}, c.opts)
	switch {
	case err == nil:
		if c.behind > 0 {
			c.o.log.Info("the consumer is as it should be again", "what", c.what(), "attempts", c.behind)
		}
		c.behind = 0
	case refusal != nil && ctx.Err() == nil:
		w.due = time.After(c.tellBehind(ctx, refusal))
		return asIs, nil
	}
	return consumer, err
}

// standing is the consumer as the server has it, after a failure to bring it to cfg; nil: there is none that can be read in
// the meantime. One that settles its messages in another way is not read.
func (c *consumption) standing(ctx context.Context, cfg jetstream.ConsumerConfig, failure error) jetstream.Consumer {
	lookup, ok := c.js.(consumerLookup)
	if failure == nil || !ok || ctx.Err() != nil || !c.connected() || IsPermanent(classify(failure)) || isNotFound(failure) {
		return nil
	}
	if c.o.attemptTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.attemptTimeout)
		defer cancel()
	}
	existing, err := c.linked(ctx, "INFO", func(ctx context.Context) (jetstream.Consumer, error) {
		return lookup.Consumer(ctx, c.stream, c.name)
	})
	if err != nil || existing.CachedInfo().Config.AckPolicy != cfg.AckPolicy {
		return nil
	}
	return existing
}

func (c *consumption) connected() bool {
	if c.o.transport == nil {
		return true
	}
	connected, _ := c.o.transport.State()
	return connected
}

// tellBehind reports that the consumer is read as it is, and returns when to ask again.
func (c *consumption) tellBehind(ctx context.Context, refusal error) (wait time.Duration) {
	c.behind++
	wait = c.o.backoff.Jittered(c.behind)
	p := progress{what: c.what(), log: c.o.log, onAttempt: c.o.onAttempt, failures: c.behind - 1}
	p.failed(ctx, fmt.Errorf("%w: %w", ErrConsumerNotUpdated, refusal), wait)
	return wait
}

// linked makes a request to the API about the consumer, which ends when the connection is lost or the server refuses the
// subject: then no answer would come.
func (c *consumption) linked(ctx context.Context, verb string, op func(context.Context) (jetstream.Consumer, error)) (jetstream.Consumer, error) {
	api := ".CONSUMER." + verb + "." + c.stream + "." + c.name
	return whileAllowed(ctx, c.o.transport, c.what(), func(subject string) bool {
		return strings.HasSuffix(subject, api) || strings.Contains(subject, api+".") // before a filter
	}, func(ctx context.Context) (jetstream.Consumer, error) { return whileConnected(ctx, c.o.transport, op) })
}

// whileAllowed calls op with a context that ends when the server refuses a publish to a subject of op's. The error is then
// the refusal.
func whileAllowed[T any](ctx context.Context, t Transport, what string, isOurs func(subject string) bool, op func(context.Context) (T, error)) (T, error) {
	n, ok := t.(denialNotifier)
	if !ok {
		return op(ctx)
	}
	asking, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer n.OnDenied(func(d Denial) {
		if !d.Subscribe && isOurs(d.Subject) {
			end(fmt.Errorf("ask for %s: %w", what, d.Err))
		}
	})()
	value, err := op(asking)
	if cause := context.Cause(asking); err != nil && ctx.Err() == nil && errors.Is(cause, nats.ErrPermissionViolation) {
		err = cause
	}
	return value, err
}
