package outbox

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publisher stores a message in a stream; a jetstream.JetStream fits. It must
// return soon after ctx has ended.
type Publisher interface {
	PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error)
}

// Drain publishes pending records, and every new one at once, until ctx ends or
// the outbox is closed. It is the loop of a service: no failure of the broker,
// the connection or a file ends it. Records start in the order of their files'
// modification times, then names; a window of them is under way at a time, so
// the broker may see neighbours in another order. A record that fails waits by
// itself, longer each time, and holds up no other.
//
// Drain returns nil when ctx ends, [ErrClosed] when the outbox was or is
// closed, [ErrDraining] when another Drain or a Flush is under way. All its
// goroutines have ended then; records that were under way stay pending.
func (o *Outbox) Drain(ctx context.Context, p Publisher) error {
	err := o.deliver(ctx, p, func(ctx context.Context, d *delivery) error {
		d.drain(ctx)
		return nil
	})
	if err != nil {
		return fmt.Errorf("outbox: drain %s: %w", o.dir, err)
	}
	return nil
}

// Flush tries every record that is pending now once, whether its pause is over
// or not, and returns how many of them were delivered. The error tells of the
// first record that was not, and how many there were: what was not delivered
// stays pending. Other errors: [ErrNotConnected], [ErrClosed], [ErrDraining],
// ctx's, and those of listing the folder.
func (o *Outbox) Flush(ctx context.Context, p Publisher) (sent int, err error) {
	var r *report
	err = o.deliver(ctx, p, func(ctx context.Context, d *delivery) error {
		r = &d.report
		return d.flush(ctx)
	})
	if r != nil {
		sent = r.total()
	}
	if err != nil {
		return sent, fmt.Errorf("outbox: flush %s: %w", o.dir, err)
	}
	return sent, nil
}

// deliver leaves the outbox ready for another delivery even when this one
// panics, in a [Codec] for example: whoever recovers may call Drain again.
func (o *Outbox) deliver(ctx context.Context, p Publisher, work func(context.Context, *delivery) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := o.enterDelivery(cancel); err != nil {
		return err
	}
	defer func() {
		if closed := o.leaveDelivery(); closed != nil {
			err = closed
		}
	}()
	d := newDelivery(o, p)
	defer d.end()
	return work(ctx, d)
}
