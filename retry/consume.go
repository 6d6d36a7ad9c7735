package retry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ConsumerConfig answers what the consumer of Consume is to be, and with a channel that is closed when another call would
// answer otherwise; nil: never. It is called from one goroutine at a time.
type ConsumerConfig func() (cfg jetstream.ConsumerConfig, changed <-chan struct{})

// FixedConsumer is a configuration that does not change.
func FixedConsumer(cfg jetstream.ConsumerConfig) ConsumerConfig {
	return func() (jetstream.ConsumerConfig, <-chan struct{}) { return cfg, nil }
}

const (
	// DefaultPullBatch is how many messages Consume asks for at a time, and at most keeps waiting for handle.
	DefaultPullBatch = 200
	// pullExpiry is how long the server keeps a pull open. It sends a heartbeat each half of it, and two that are missing
	// are a lost consumer: so silence is noticed after 30 s, for four messages a minute.
	pullExpiry = 30 * time.Second
	// soundAfter is how long the consumer must have been open for its next failure to count as the first.
	soundAfter = time.Minute
	// removalTime is how long a deleted consumer is left alone before it is made anew. nats-server 2.15 tells of the deletion
	// first and then removes the consumer's folder, trying for up to a second; a consumer of the same name that is made
	// meanwhile loses its own folder to that. It delivers, but refuses every update, and is gone after the server's restart.
	removalTime = 2 * time.Second
)

// Consume keeps a durable pull consumer of stream and calls handle with its messages, one at a time and in the order in
// which they come, until ctx ends. cfg must have a name (Durable or Name); a name in use keeps its place in the stream.
//
// It waits for the stream, makes the consumer or brings the existing one to cfg, and does so again whenever that may be
// needed: after a reconnect, when the consumer or the stream was deleted or made anew, when cfg answers otherwise, when
// another server leads the consumer, and when the server is silent (30 s). Each time costs one request. A deleted consumer is
// left alone for 2 s first, until the server has removed what it stored of it. What was acked does not come again; new
// filters count from where the consumer is. Give it a Transport (WithTransport): without one a reconnect to a broker that
// has lost its streams is noticed after those 30 s only, an election after as long.
//
// Of a configuration that the server refuses for an existing consumer, it gives up what matters only when a consumer is
// made (where to start, replay policy, number of waiting pulls). Any other conflict, such as a push consumer of that name,
// is waited out like a missing stream, and reported.
//
// Where a consumer of that name stands and does not get its new configuration, because the server refuses the update, the
// role may not ask for it, or nobody answers, its messages are handed on as before, those of its old filters too, and the
// update is asked for again after the pauses of the backoff: WithOnAttempt is told of ErrConsumerNotUpdated, and of the success
// in the end. That takes a js with the method Consumer of jetstream.JetStream, and a consumer that settles in the same way (AckPolicy).
//
// A consumer whose update the server cannot store is used as it is where it delivers what cfg wants. Where it does not, and
// the server has lost the consumer's folder, Consume deletes it and makes it anew, as the package comment tells; nothing
// else makes it delete a consumer. The first deletion is at once, further ones 4, 8, 16, 32, 60, 60 … s apart, each ±25 %.
// The new one begins where cfg says: what was acked may come again, and with DeliverNewPolicy what waited does not come.
// This needs a js with the methods Consumer and DeleteConsumer of jetstream.JetStream.
//
// nats.go takes a message without data that has a header Status for an answer of the server. One that says that the pull was
// bad, or that the consumer is gone, makes Consume take messages one at a time, with one warning, until no such message has
// come for two ack waits; it is never handed on, and stays with the consumer.
//
// A nil error of handle says that the message is settled, or that handle's side will settle it. An error gives it back:
// the server delivers it again after the pause that the backoff has for this number of deliveries. handle may block; its
// context is ctx. After the end of ctx it is not called any more, and messages that wait for it are given back, which may
// take a second. What was on its way on a connection when it died comes again after the consumer's ack wait.
//
// Consume returns ctx's error, or early a permanent one, as WaitForConsumer.
func Consume(ctx context.Context, js ConsumerSource, stream string, cfg ConsumerConfig,
	handle func(context.Context, jetstream.Msg) error, opts ...Option,
) error {
	c := &consumption{js: js, stream: stream, cfg: cfg, handle: handle, opts: opts, o: newOptions(opts)}
	for {
		opened := time.Now()
		handled, err := c.session(ctx)
		if ctx.Err() != nil {
			return &endedError{c.what(), ctx.Err(), nil}
		}
		if IsPermanent(err) {
			return fmt.Errorf("retry: consume %s: %w", stream, err)
		}
		if handled || time.Since(opened) >= soundAfter {
			c.failures = 0
		}
		c.learn(err)
		if err := c.breathe(ctx, err); err != nil {
			return &endedError{c.what(), err, nil}
		}
	}
}

// consumption is one call of Consume.
type consumption struct {
	js       ConsumerSource
	stream   string
	cfg      ConsumerConfig
	handle   func(context.Context, jetstream.Msg) error
	opts     []Option
	o        options
	name     string // of the consumer, once known
	failures int    // sessions in a row that ended with an error
	behind   int    // times in a row that the server did not bring the consumer to cfg

	removed   time.Time // when the consumer was deleted; zero: not lately
	deletions int       // by Consume itself
	mayDelete time.Time // not before
	unstored  bool      // said that the server cannot store the consumer

	created   time.Time // of the consumer that was opened last
	deletedOf time.Time // the same of the one that was said to be deleted; zero: none was
	singly    bool      // messages are taken one at a time
}

func (c *consumption) what() string { return "consumer " + c.stream + "/" + c.name }

// Reasons to open the consumer again that are not failures.
var (
	errReconnected   = errors.New("the connection was made anew")
	errConfigChanged = errors.New("the configuration has changed")
	errElected       = errors.New("another server leads the consumer")
)

// session opens the consumer and reads it until there is a reason to open it again.
func (c *consumption) session(ctx context.Context) (handled bool, err error) {
	w := c.newWatch()
	consumer, err := c.ensure(ctx, w)
	if err != nil {
		return false, err
	}
	c.meet(consumer.CachedInfo())
	reading, end := context.WithCancelCause(ctx)
	stop := w.start(reading, end, consumer.CachedInfo())
	defer stop()
	defer end(nil)
	if c.singly {
		return c.readSingly(ctx, reading, consumer)
	}
	it, err := consumer.Messages(c.pull(consumer.CachedInfo())...)
	if err != nil {
		return false, classify(fmt.Errorf("pull from %s: %w", c.what(), err))
	}
	defer it.Stop()
	return c.read(ctx, reading, it)
}

// pull keeps to the limits of the consumer, which may be the server's or the account's: a pull that goes beyond them gets
// no answer that nats.go would tell.
func (c *consumption) pull(info *jetstream.ConsumerInfo) []jetstream.PullMessagesOpt {
	batch := DefaultPullBatch
	if info != nil && info.Config.MaxRequestBatch > 0 {
		batch = min(batch, info.Config.MaxRequestBatch)
	}
	return append([]jetstream.PullMessagesOpt{jetstream.PullMaxMessages(batch), jetstream.PullExpiry(c.expiry(info))}, c.o.pull...)
}

func (c *consumption) expiry(info *jetstream.ConsumerInfo) time.Duration {
	if info != nil && info.Config.MaxRequestExpires > 0 {
		return max(min(pullExpiry, info.Config.MaxRequestExpires), time.Second) // the least of nats.go
	}
	return pullExpiry
}

// read hands messages on until reading ends, and then what had arrived by then.
func (c *consumption) read(ctx, reading context.Context, it jetstream.MessagesContext) (handled bool, err error) {
	for {
		m, err := it.Next(jetstream.NextContext(reading))
		switch {
		case ctx.Err() != nil:
			c.giveBack(it, m)
			return handled, ctx.Err()
		case err == nil:
			handled = true
			c.deliver(ctx, m)
		case errors.Is(err, jetstream.ErrConnectionClosed):
			return handled, Permanent(fmt.Errorf("%w: %w", nats.ErrConnectionClosed, err)) // which is another error
		case reading.Err() == nil:
			return handled, err
		default:
			return c.readRest(ctx, it) || handled, context.Cause(reading)
		}
	}
}

// drainTimeout bounds the wait for the server's word that nothing more is on its way; the connection may be gone again.
const drainTimeout = 5 * time.Second

// readRest hands on what was pulled and still waits: given up, it would come again only after the ack wait.
func (c *consumption) readRest(ctx context.Context, it jetstream.MessagesContext) (handled bool) {
	it.Drain()
	for {
		draining, cancel := context.WithTimeout(ctx, drainTimeout)
		m, err := it.Next(jetstream.NextContext(draining))
		cancel()
		if ctx.Err() != nil {
			c.giveBack(it, m)
			return handled
		}
		if err != nil {
			return handled
		}
		handled = true
		c.deliver(ctx, m)
	}
}

// giveBackTime bounds the wait for what is on its way when Consume is to end.
const giveBackTime = time.Second

// giveBack returns what was pulled and will not be handed on, m first if there is one. Left alone, it would come to whoever
// reads on only after the ack wait: the command that is sent while a host's agent is replaced, say, that much later.
func (c *consumption) giveBack(it jetstream.MessagesContext, m jetstream.Msg) {
	if !c.connected() { // nobody would hear of it
		return
	}
	it.Drain()
	ending, cancel := context.WithTimeout(context.Background(), giveBackTime)
	defer cancel()
	for err := error(nil); err == nil; m, err = it.Next(jetstream.NextContext(ending)) {
		if m != nil {
			_ = m.Nak() // or it comes after the ack wait
		}
	}
}

func (c *consumption) deliver(ctx context.Context, m jetstream.Msg) {
	err := c.handle(ctx, m)
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		_ = m.Nak() // for whoever reads on; or it comes after the ack wait
		return
	}
	deliveries := uint64(1)
	if meta, metaErr := m.Metadata(); metaErr == nil {
		deliveries = meta.NumDelivered
	}
	wait := c.o.backoff.Jittered(int(min(deliveries, 1000)))
	log := c.o.log.Debug
	if deliveries == 1 {
		log = c.o.log.Warn
	}
	log("a message was not handled and will come again", "what", c.what(), "subject", m.Subject(), "error", err,
		"wait", wait, "attempt", deliveries)
	if err := m.NakWithDelay(wait); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		c.o.log.Debug("a message was not given back; the server sends it after the ack wait", "subject", m.Subject(), "error", err)
	}
}

// breathe pauses between two sessions, so that neither a fleet that has lost the same broker asks in step, nor a consumer
// that fails at once, or whose configuration changes all the time, is opened in a tight loop.
func (c *consumption) breathe(ctx context.Context, reason error) error {
	var changed <-chan struct{}
	wait := c.o.spread()
	switch {
	case isAny(reason, errReconnected, errElected, errConfigChanged, errAskAgain, errCalm):
	default:
		if c.failures++; c.failures > 1 {
			wait = c.o.backoff.Jittered(c.failures - 1)
		}
		if errors.Is(reason, jetstream.ErrConsumerDeleted) {
			wait = max(wait, removalTime+c.o.spread())
		}
		p := progress{what: c.what(), log: c.o.log, onAttempt: c.o.onAttempt, failures: c.failures - 1}
		p.failed(ctx, reason, wait)
		if c.o.transport != nil {
			_, changed = c.o.transport.State()
		}
	}
	_, err := c.o.pause(ctx, wait, changed)
	return err
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}
