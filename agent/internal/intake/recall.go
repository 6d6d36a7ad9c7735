package intake

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// remains is what an earlier run has left of the consumer.
type remains struct {
	filters []string
	unread  []string // groups that it has taken in, and whose newest command nobody has read
}

// consumerLookup is an ability that a CommandSource may have; jetstream.JetStream has it.
type consumerLookup interface {
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
}

// lookups is how often the server is asked for the consumer while it is connected. It
// takes half a minute when nobody answers.
const lookups = 4

var errNoLookup = errors.New("intake: this source of commands does not look up consumers")

// recall asks what an earlier run has left of the consumer, before this one changes it:
// that run may have been killed before the consumer had a group, or before the newest
// command of the group was read. Where nobody says, all groups count as missing.
func (r *Replay) recall(ctx context.Context) {
	left, err := r.lookUp(ctx)
	switch {
	case err == nil:
		r.joins.begin(&left)
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		r.joins.begin(nil)
	case ctx.Err() == nil:
		r.Logger.Warn("the consumer of the last run could not be looked at; the newest command of each group is read", "error", err)
		r.joins.begin(&remains{})
	}
}

// lookUp asks until the server has answered, or will not.
func (r *Replay) lookUp(ctx context.Context) (remains, error) {
	js, ok := r.JetStream.(consumerLookup)
	if !ok {
		return remains{}, errNoLookup
	}
	name := wire.ReplayConsumer(r.PCID)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.onDenied(cancel, func(subject string) bool { return subject == "$JS.API.CONSUMER.INFO."+wire.StreamExec+"."+name })()
	failures := 0
	consumer, err := retry.Forever(ctx, "what the last run has left of the consumer "+name, func(ctx context.Context) (jetstream.Consumer, error) {
		c, err := js.Consumer(ctx, wire.StreamExec, name)
		if connected, _ := r.Transport.State(); err != nil && connected {
			failures++
		}
		if failures == lookups || isAnswer(err) {
			err = retry.Permanent(err)
		}
		return c, err
	}, retry.WithTransport(r.Transport), retry.WithLogger(r.Logger))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return remains{}, err
	}
	return remainsOf(consumer.CachedInfo().Config), nil
}

// isAnswer reports an error that another attempt would not change.
func isAnswer(err error) bool {
	for _, target := range []error{jetstream.ErrConsumerNotFound, jetstream.ErrStreamNotFound, nats.ErrConnectionClosed, jetstream.ErrConnectionClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func remainsOf(cfg jetstream.ConsumerConfig) remains {
	left := remains{filters: cfg.FilterSubjects, unread: strings.Fields(cfg.Metadata[unreadGroups])}
	if cfg.FilterSubject != "" {
		left.filters = []string{cfg.FilterSubject}
	}
	if len(left.filters) == 0 {
		left.filters = []string{">"}
	}
	return left
}

// onDenied ends a wait when the broker refuses one of its requests: no answer would
// come.
func (r *Replay) onDenied(end context.CancelCauseFunc, isOurs func(subject string) bool) (stop func()) {
	t, ok := r.Transport.(denialNotifier)
	if !ok {
		return func() {}
	}
	return t.OnDenied(func(d retry.Denial) {
		if !d.Subscribe && isOurs(d.Subject) {
			end(d.Err)
		}
	})
}
