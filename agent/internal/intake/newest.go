package intake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// CommandSource is what a Replay needs of JetStream; jetstream.JetStream is one.
type CommandSource interface {
	retry.ConsumerSource
	retry.StreamSource
}

// JoinWindow is how old, by the broker's clock, the newest command of a group may
// be when the host joins it, unless it is known since when the host is a member. A
// host learns of its groups within 2 s, without hints within 10 s, and within a
// minute when everything else fails.
const JoinWindow = time.Minute

// denialNotifier is the optional ability of a transport to tell what the broker
// refuses.
type denialNotifier interface {
	OnDenied(h func(retry.Denial)) (stop func())
}

// errLeft says that the host is not a member of the group any more.
var errLeft = errors.New("intake: the host has left the group")

// readJoins reads the newest command of each group that the consumer takes in. New
// filters count from where the consumer is in the stream: what came before that,
// and before the subscription stood, comes neither live nor replayed. So it does for
// a group that was left and is joined again before the consumer has followed.
func (r *Replay) readJoins(ctx context.Context) {
	for ctx.Err() == nil {
		groups, changed := r.Groups.ask()
		if group, ok := r.joins.next(groups); ok {
			if errors.Is(r.readJoin(ctx, group), errLeft) {
				r.joins.owe(group)
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.joins.wake:
		case <-changed:
		}
	}
}

// readJoin hands on the newest command of a group, until it has an owner, or
// nobody may read it, or the host leaves the group.
func (r *Replay) readJoin(ctx context.Context, group string) error {
	for ctx.Err() == nil {
		m, err := r.newest(ctx, group)
		if err == nil && m != nil {
			err = r.handOver(ctx, m)
		}
		switch {
		case err == nil:
			r.joins.read(group)
			return nil
		case errors.Is(err, errLeft), ctx.Err() != nil:
			return err
		case !errors.Is(err, errAgain):
			r.Logger.Warn("what was sent to a group just before this host has joined it may be missing", "group", group, "error", err)
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(nakDelay):
		}
	}
	return ctx.Err()
}

func (r *Replay) isMember(group string) bool {
	groups, _ := r.Groups.ask()
	return slices.Contains(groups, group)
}

// newest returns the newest command of a group; nil: there is none for a host that
// has just become a member. It asks until it has an answer, or is refused, or
// errLeft.
func (r *Replay) newest(ctx context.Context, group string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.onDenied(cancel, readsCommands)()
	subject := wire.CommandsGroup(group)
	m, err := retry.Forever(ctx, "newest message of "+subject, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		if !r.isMember(group) {
			return nil, retry.Permanent(errLeft)
		}
		return r.lastOf(ctx, group)
	}, retry.WithTransport(r.Transport), retry.WithLogger(r.Logger))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	return m, err
}

// readsCommands recognises the requests of lastOf.
func readsCommands(subject string) bool {
	const direct = "$JS.API.DIRECT.GET." + wire.StreamExec
	return subject == "$JS.API.STREAM.INFO."+wire.StreamExec || subject == "$JS.API.STREAM.MSG.GET."+wire.StreamExec ||
		subject == direct || strings.HasPrefix(subject, direct+".")
}

// lastOf takes two requests: one says what time it is at the broker.
func (r *Replay) lastOf(ctx context.Context, group string) (*jetstream.RawStreamMsg, error) {
	subject := wire.CommandsGroup(group)
	stream, err := r.JetStream.Stream(ctx, wire.StreamExec)
	if err != nil {
		return nil, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if from := r.joinedFrom(group, stream.CachedInfo().TimeStamp); m.Time.Before(from) {
		r.Logger.Info("the newest command of a group is older than the membership and is left out",
			"subject", subject, "sent", m.Time, "from", from)
		return nil, nil
	}
	return m, nil
}

// joinedFrom is since when commands of a group that was just joined count. The
// clocks of two servers differ, and what is known of the membership may be its last
// change.
func (r *Replay) joinedFrom(group string, now time.Time) time.Time {
	if now.IsZero() { // a server before 2.10 does not say
		now = time.Now()
	}
	if since := r.joins.memberSince(group); !since.IsZero() && since.Before(now) {
		now = since
	}
	return now.Add(-JoinWindow)
}

// errAgain says that a command has no owner yet.
var errAgain = errors.New("intake: the command was not taken")

// handOver hands a command on, as receive does, and returns nil when it has an
// owner, errAgain or errLeft.
func (r *Replay) handOver(ctx context.Context, m *jetstream.RawStreamMsg) error {
	answer := make(chan delivery.Settlement, 1)
	d := delivery.Delivery{
		Data: m.Data, Subject: m.Subject, Header: m.Header, Source: delivery.Replay, Stamp: m.Time,
		Settle: func(s delivery.Settlement) { answer <- s },
	}
	for {
		groups, changed := r.Groups.ask()
		if !wire.AddressedTo(m.Subject, r.PCID, groups) {
			return errLeft
		}
		select {
		case r.Out <- d:
			return r.await(ctx, answer)
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// await waits as long for an answer as the server would.
func (r *Replay) await(ctx context.Context, answer <-chan delivery.Settlement) error {
	select {
	case s := <-answer:
		if s == delivery.Nak {
			return errAgain
		}
		return nil
	case <-time.After(ackWait):
		return errAgain
	case <-ctx.Done():
		return ctx.Err()
	}
}
