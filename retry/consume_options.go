package retry

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry/jitter"
)

// DefaultReopenSpread is the time over which Consume spreads what it asks for after a reconnect, unless WithReopenSpread
// says otherwise.
const DefaultReopenSpread = 250 * time.Millisecond

// readerOptions are the options of Consume and ReadObject.
type readerOptions struct {
	pull     []jetstream.PullMessagesOpt
	reopenIn *time.Duration // spread of reopening; nil: the default
	missing  bool           // a missing object is an answer
}

// WithPull changes how Consume pulls: DefaultPullBatch messages at a time, pulls that expire after 30 s. The options are
// those of jetstream.Consumer.Messages. Take more than one message at a time: with nats.go v1.55 an iterator that pulls
// single messages may wait 30 s before it pulls the next one.
func WithPull(opts ...jetstream.PullMessagesOpt) Option {
	return func(o *options) { o.pull = append(o.pull, opts...) }
}

// WithReopenSpread is the time over which Consume opens its consumer again, after a reconnect or for any other reason: it
// waits for a part of d that chance decides, so that many hosts that have lost the same broker do not ask in step. Zero or
// less asks at once. Connections that reconnect with jitter are spread already.
func WithReopenSpread(d time.Duration) Option { return func(o *options) { o.reopenIn = &d } }

// WithMissingIsAnswer makes ReadObject return when the store or the object does not exist, instead of waiting for it: the
// error is jetstream.ErrBucketNotFound or jetstream.ErrObjectNotFound, marked as permanent.
func WithMissingIsAnswer() Option { return func(o *options) { o.missing = true } }

// spread draws the pause before a reopening.
func (o *options) spread() time.Duration {
	if o.reopenIn == nil {
		return jitter.N(DefaultReopenSpread)
	}
	return jitter.N(*o.reopenIn)
}
