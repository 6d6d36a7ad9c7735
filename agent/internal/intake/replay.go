package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// JetStream is what the replay needs of it.
type JetStream interface {
	retry.StreamSource
	retry.ConsumerSource
}

// Replay takes commands from the durable consumer of this host.
type Replay struct {
	JetStream JetStream
	Transport retry.Transport
	PCID      string
	Out       chan<- delivery.Delivery
	Logger    *slog.Logger
}

const (
	// batch is how many messages are asked for at a time.
	batch = 200
	// expiry is how long the server keeps a pull open.
	expiry = 30 * time.Second
	// nakDelay spaces the deliveries of a command that could not be recorded.
	nakDelay = 10 * time.Second
	// reopenPause comes between the end of a consumer and the next attempt.
	reopenPause = time.Second
)

// Run keeps the replay going until ctx ends: it waits for the stream and the
// consumer for as long as it takes, and opens them again when they vanish.
func (r *Replay) Run(ctx context.Context) error {
	for {
		err := r.session(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case retry.IsPermanent(err):
			return fmt.Errorf("intake: replay: %w", err)
		}
		r.Logger.Warn("the replay ended and is opened again", "error", err)
		supervise.Sleep(ctx, reopenPause)
	}
}

// session reads until the consumer is lost.
func (r *Replay) session(ctx context.Context) error {
	opts := []retry.Option{retry.WithTransport(r.Transport), retry.WithLogger(r.Logger)}
	if _, err := retry.WaitForStream(ctx, r.JetStream, wire.StreamExec, opts...); err != nil {
		return err
	}
	consumer, err := retry.WaitForConsumer(ctx, r.JetStream, wire.StreamExec, consumerConfig(r.PCID), opts...)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(batch), jetstream.PullExpiry(expiry))
	if err != nil {
		return fmt.Errorf("open the consumer: %w", err)
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	defer messages.Stop()
	return r.read(ctx, messages)
}

func (r *Replay) read(ctx context.Context, messages jetstream.MessagesContext) error {
	for {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		if !wire.AddressedTo(msg.Subject(), r.PCID, nil) {
			// The consumer of the reference release takes every command.
			r.settle(msg, delivery.Ack)
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err() // unsettled: the server delivers it again
		}
		select {
		case r.Out <- r.delivery(msg):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Replay) delivery(msg jetstream.Msg) delivery.Delivery {
	d := delivery.Delivery{
		Data: msg.Data(), Subject: msg.Subject(), Source: delivery.Replay,
		Settle: func(s delivery.Settlement) { r.settle(msg, s) },
	}
	if meta, err := msg.Metadata(); err == nil {
		d.Stamp = meta.Timestamp
	}
	return d
}

// settle tells the server; if that fails it delivers the message again, and
// the ledger knows it.
func (r *Replay) settle(msg jetstream.Msg, s delivery.Settlement) {
	var err error
	switch s {
	case delivery.Ack:
		err = msg.Ack()
	case delivery.Nak:
		err = msg.NakWithDelay(nakDelay)
	case delivery.Term:
		err = msg.Term()
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		r.Logger.Debug("a command was not settled and will be delivered again", "subject", msg.Subject(), "error", err)
	}
}
