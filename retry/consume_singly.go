package retry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errCalm ends a session that took messages one at a time: the iterator will do again.
var errCalm = errors.New("nothing has come for a while that looks like an answer of the server")

// oddLimit is how many such messages in a row are taken at once. More are the server's own refusals.
const oddLimit = 10

// looksLikeAnswer reports an error that nats.go makes of an answer to a pull, or of a message in the stream that has no data
// and a header Status, which it cannot tell from one. It gives the iterator up then, and all that the iterator has pulled.
func looksLikeAnswer(err error) bool {
	return errors.Is(err, jetstream.ErrBadRequest) || err != nil && strings.HasPrefix(err.Error(), "nats: invalid format of Nats-Pending-")
}

// learn notes what the end of a session says of the messages in the stream.
func (c *consumption) learn(err error) {
	if looksLikeAnswer(err) {
		c.takeSingly()
	}
	if errors.Is(err, jetstream.ErrConsumerDeleted) {
		c.removed, c.deletedOf = time.Now(), c.created
	}
}

// meet compares a consumer with the one that was said to be deleted: if they are one, a message has said so.
func (c *consumption) meet(info *jetstream.ConsumerInfo) {
	if info == nil {
		return
	}
	if !c.deletedOf.IsZero() && c.deletedOf.Equal(info.Created) {
		c.takeSingly()
	}
	c.created, c.deletedOf = info.Created, time.Time{}
}

func (c *consumption) takeSingly() {
	if !c.singly {
		c.o.log.Warn("a message without data in the stream looks like an answer of the server, and what was pulled with it is lost for that time; "+
			"messages are taken one at a time until it is gone", "what", c.what())
	}
	c.singly = true
}

// readSingly hands messages on that it pulls one at a time, so that none is lost with one that looks like an answer. Such
// a message comes again after each ack wait; when none has come for two of them, it is gone.
func (c *consumption) readSingly(ctx, reading context.Context, consumer jetstream.Consumer) (handled bool, err error) {
	info := consumer.CachedInfo()
	calm, odd := time.Now(), 0
	for time.Since(calm) < 2*info.Config.AckWait {
		n, err := c.fetchOne(ctx, reading, consumer)
		handled = handled || n > 0
		switch {
		case ctx.Err() != nil:
			return handled, ctx.Err()
		case reading.Err() != nil:
			return handled, context.Cause(reading)
		case looksLikeAnswer(err) && odd < oddLimit:
			odd++
			calm = time.Now()
		case err != nil:
			return handled, err
		default:
			odd = 0
		}
	}
	c.singly = false
	return handled, errCalm
}

// fetchOne hands on one message, if one comes in time.
func (c *consumption) fetchOne(ctx, reading context.Context, consumer jetstream.Consumer) (n int, err error) {
	wait, cancel := context.WithTimeout(reading, c.expiry(consumer.CachedInfo()))
	defer cancel()
	batch, err := consumer.Fetch(1, jetstream.FetchContext(wait))
	if err != nil {
		return 0, err
	}
	for m := range batch.Messages() {
		n++
		c.deliver(ctx, m)
	}
	if err := batch.Error(); err != nil && wait.Err() == nil {
		return n, err
	}
	return n, nil
}
