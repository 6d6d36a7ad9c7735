package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Replay takes commands from the durable consumer of this host.
type Replay struct {
	JetStream CommandSource
	Transport retry.Transport
	PCID      string
	// Groups of the host, as from [Live.Joined]; nil: it has none, ever.
	Groups Groups
	Out    chan<- delivery.Delivery
	Logger *slog.Logger
	// Options are added to those of [retry.Consume], such as one that reports the
	// attempts to open the consumer.
	Options []retry.Option
	// MemberSince says, by the broker's clock, since when the host is in its newest
	// groups, or an earlier time; nil or zero: not known, see [JoinWindow].
	MemberSince func() time.Time

	joins joins
	twin  sync.Once // a host that shares the consumer was reported
}

const (
	// nakDelay spaces the deliveries of a command that could not be recorded.
	nakDelay = 10 * time.Second
	// groupsWait is how long the replay waits for the first answer about the
	// host's groups while it is connected.
	groupsWait = 30 * time.Second
)

// Run keeps the replay going until ctx ends: it waits for the stream and the
// consumer for as long as it takes, and opens them again when they vanish.
func (r *Replay) Run(ctx context.Context) error {
	r.joins.wake = make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.followGroups(ctx) })
	defer beside.Wait()
	defer cancel()
	r.recall(ctx)
	r.awaitGroups(ctx)
	beside.Go(func() { r.readJoins(ctx) })
	err := retry.Consume(ctx, r.JetStream, wire.StreamExec, r.config, r.receive, r.options()...)
	return fmt.Errorf("intake: replay: %w", err)
}

// backoff is shorter than the default: where another node of a cluster has the
// stream, no reconnect tells that it is back.
var backoff = retry.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.25}

func (r *Replay) options() []retry.Option {
	return append([]retry.Option{
		retry.WithBackoff(backoff),
		retry.WithTransport(r.Transport), retry.WithLogger(r.Logger),
		retry.WithOnAttempt(func(a retry.Attempt) {
			switch {
			case a.Err == nil:
				r.joins.takeIn()
			case errors.Is(a.Err, retry.ErrConsumerNotUpdated):
				r.joins.goOn()
			}
		}),
	}, r.Options...)
}

// awaitGroups waits until the host's groups are known: the first consumer of a
// host starts with the last command of each subject, and later filters come too
// late for those. Where nobody answers, the rest is worth more than the groups.
func (r *Replay) awaitGroups(ctx context.Context) {
	for {
		groups, changed := r.Groups.ask()
		if groups != nil {
			return
		}
		connected, link := r.Transport.State()
		var late <-chan time.Time
		if connected {
			late = time.After(groupsWait)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-link:
		case <-late:
			r.Logger.Warn("the groups of this host are not known; the replay begins without them", "waited", groupsWait)
			return
		}
	}
}

// config is what the consumer is to be. Retry asks right before each attempt to
// make it.
func (r *Replay) config() (jetstream.ConsumerConfig, <-chan struct{}) {
	changed := r.joins.watch() // first
	groups, _ := r.members()
	return consumerConfig(r.PCID, groups, r.joins.ask(groups)), changed
}

// followGroups tells who watches config of each change of the groups, until ctx ends.
func (r *Replay) followGroups(ctx context.Context) {
	for {
		_, changed := r.members()
		r.joins.announce() // also the first time: they may have changed before
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// members are the groups, of which it notes since when the host is in them.
func (r *Replay) members() (groups []string, changed <-chan struct{}) {
	groups, changed = r.Groups.ask()
	var put time.Time
	if r.MemberSince != nil {
		put = r.MemberSince()
	}
	r.joins.note(groups, put)
	return groups, changed
}

// receive hands a command on, as long as it is one for this host: the groups may
// change while it waits.
func (r *Replay) receive(ctx context.Context, msg jetstream.Msg) error {
	for {
		groups, changed := r.Groups.ask()
		if !wire.AddressedTo(msg.Subject(), r.PCID, groups) {
			return r.decline(msg)
		}
		if ctx.Err() != nil {
			return ctx.Err() // unsettled: the server delivers it again
		}
		select {
		case r.Out <- r.delivery(msg):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// errTwin says that the message belongs to a host whose id makes the same
// consumer name.
var errTwin = errors.New("intake: the command is for another host that shares this consumer")

// decline forgets a command for others: the consumer of the reference release
// takes every one, and a group may just have been left. It comes again if the host
// is a member once more before the consumer knows; that the server forgets it waits
// for the consumer, for whoever runs next. Decline gives back what another host with
// the same consumer waits for.
func (r *Replay) decline(msg jetstream.Msg) error {
	other, ok := wire.CommandPCID(msg.Subject())
	if ok && other != r.PCID && wire.ReplayConsumer(other) == wire.ReplayConsumer(r.PCID) {
		r.twin.Do(func() {
			r.Logger.Error("two hosts share a consumer, because their ids differ only in characters that its name cannot have; give one of them another id",
				"pc_id", r.PCID, "other", other, "consumer", wire.ReplayConsumer(r.PCID))
		})
		return errTwin
	}
	group, ok := strings.CutPrefix(msg.Subject(), groupPrefix)
	if ok && r.joins.has(group) {
		r.settle(msg, delivery.Nak)
	} else {
		r.settle(msg, delivery.Ack)
	}
	if ok {
		r.joins.owe(group)
	}
	return nil
}

// groupPrefix starts the subject of every group.
var groupPrefix = strings.TrimSuffix(wire.CommandsGroup("g"), "g")

func (r *Replay) delivery(msg jetstream.Msg) delivery.Delivery {
	d := delivery.Delivery{
		Data: msg.Data(), Subject: msg.Subject(), Header: msg.Headers(), Source: delivery.Replay,
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
