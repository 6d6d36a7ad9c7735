package intake

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// lives are runs of one host, one after the other, at one broker. Most of them are
// killed: from that moment on nothing of them reaches the broker or the ledger.
type lives struct {
	*testing.T
	fake   *jstest.Fake
	ledger map[string]int // how often each command was admitted
}

func newLives(t *testing.T) *lives {
	t.Helper()
	l := &lives{T: t, fake: jstest.NewFake(), ledger: map[string]int{}}
	_, err := l.fake.JetStream().CreateStream(t.Context(), execStream)
	require.NoError(t, err)
	return l
}

func (l *lives) publish(subject, data string) {
	l.Helper()
	require.NoError(l, l.fake.Conn().Publish(&nats.Msg{Subject: subject, Data: []byte(data)}))
	synctest.Wait()
}

// life is one of them. It is killed at its deadline-th request to the broker: before
// the broker has it, or before the answer comes; zero: never.
type life struct {
	of       *lives
	client   *jstest.Client
	member   *membership
	deadline int
	answered bool // the broker does what the last request asks for
	deaf     bool // admission takes nothing
	since    func() time.Time
	onCreate func() // the server has made the consumer; the answer is on its way

	mu       sync.Mutex
	requests int
	dead     chan struct{}
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func (l *lives) begin(set func(*life), groups ...string) *life {
	l.Helper()
	f := &life{of: l, client: l.fake.NewClient(), member: newMembership(groups...), dead: make(chan struct{})}
	set(f)
	ctx, cancel := context.WithCancel(l.Context())
	f.cancel = cancel
	out := make(chan delivery.Delivery)
	log := slog.New(slog.NewTextHandler(l.Output(), nil))
	live := &Live{Transport: f.client.Conn(), PCID: pcID, Groups: f.member.get, Out: out, Kill: func(string) {}, Logger: log}
	replay := &Replay{JetStream: mortalSource{f.client.JetStream(), f}, Transport: f.client.Conn(), PCID: pcID, Groups: live.Joined, Out: out, Logger: log, MemberSince: f.since}
	require.NoError(l, live.Subscribe(ctx))
	f.running.Go(func() { _ = live.Run(ctx); live.Drain(ctx) })
	f.running.Go(func() { _ = replay.Run(ctx) })
	f.running.Go(func() { f.admit(ctx, out) })
	synctest.Wait()
	return f
}

func (f *life) admit(ctx context.Context, out <-chan delivery.Delivery) {
	for !f.deaf {
		select {
		case d := <-out:
			if f.isDead() {
				return
			}
			f.of.ledger[string(d.Data)]++
			d.Answer(delivery.Ack)
		case <-ctx.Done():
			return
		}
	}
}

func (f *life) isDead() bool {
	select {
	case <-f.dead:
		return true
	default:
		return false
	}
}

// kill ends the life, if it has not ended.
func (f *life) kill() {
	f.mu.Lock()
	f.die()
	f.mu.Unlock()
	f.cancel()
	f.running.Wait()
}

func (f *life) die() {
	if !f.isDead() {
		close(f.dead)
		f.client.Disconnect()
	}
}

// mortal is a request of f, which may be its last.
func mortal[T any](ctx context.Context, f *life, do func() (T, error)) (value T, err error) {
	f.mu.Lock()
	f.requests++
	last := f.requests == f.deadline
	if last && !f.answered {
		f.die()
	}
	f.mu.Unlock()
	if !f.isDead() {
		value, err = do()
	}
	if f.mu.Lock(); last {
		f.die()
	}
	f.mu.Unlock()
	if f.isDead() {
		<-ctx.Done()
		return value, ctx.Err()
	}
	return value, err
}

type mortalSource struct {
	*jstest.JetStream
	f *life
}

func (s mortalSource) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return mortal(ctx, s.f, func() (jetstream.Consumer, error) {
		c, err := s.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
		if err == nil && s.f.onCreate != nil {
			s.f.onCreate()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return c, err
	})
}

func (s mortalSource) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	return mortal(ctx, s.f, func() (jetstream.Consumer, error) { return s.JetStream.Consumer(ctx, stream, name) })
}

func (s mortalSource) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	stream, err := mortal(ctx, s.f, func() (jetstream.Stream, error) { return s.JetStream.Stream(ctx, name) })
	return mortalStream{stream, s.f}, err
}

type mortalStream struct {
	jetstream.Stream
	f *life
}

func (s mortalStream) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	return mortal(ctx, s.f, func() (*jetstream.RawStreamMsg, error) { return s.Stream.GetLastMsgForSubject(ctx, subject) })
}

// atEachRequest plays a story with a first life that is killed at its n-th request,
// for every n until it is not reached any more.
func atEachRequest(t *testing.T, story func(l *lives, mortal func(*life)) (requests int)) {
	t.Helper()
	for _, answered := range []bool{false, true} {
		for deadline, most := 1, 1; deadline <= most; deadline++ {
			t.Run(fmt.Sprintf("request %d answered %t", deadline, answered), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					most = max(most, 1+story(newLives(t), func(f *life) { f.deadline, f.answered = deadline, answered }))
				})
			})
		}
	}
}

func immortal(*life) {}

// A host becomes a member and its group gets a command, and the agent is killed on the
// way to it: the consumer has other commands behind the group's by then, so that its
// filter comes too late for that one.
func TestACommandSentJustBeforeAJoinOutlivesAKill(t *testing.T) {
	for name, knows := range map[string][]string{"the next run knows the groups": {"canary"}, "the next run learns them": {}} {
		t.Run(name, func(t *testing.T) {
			atEachRequest(t, func(l *lives, mortal func(*life)) (requests int) {
				first := l.begin(mortal)
				time.Sleep(time.Minute)
				l.publish(wire.CommandsGroup("canary"), "grouped")
				l.publish(wire.CommandsAll(), "after")
				time.Sleep(time.Second)
				first.member.set("canary")
				time.Sleep(time.Second)
				first.kill()

				second := l.begin(immortal, knows...)
				time.Sleep(time.Second)
				second.member.set("canary")
				time.Sleep(time.Minute)
				second.kill()
				require.Positive(l, l.ledger["grouped"], "it is lost; admitted: %v", l.ledger)
				require.Positive(l, l.ledger["after"])
				l.restsNow("canary")
				return first.requests
			})
		})
	}
}

// restsNow makes sure that nothing is left to be done for the groups: a run reads
// nothing and changes nothing.
func (l *lives) restsNow(groups ...string) {
	l.Helper()
	before := l.ledger["grouped"]
	last := l.begin(immortal, groups...)
	time.Sleep(10 * time.Minute)
	last.kill()
	require.Equal(l, before, l.ledger["grouped"])
	require.Equal(l, 2, last.requests, "one look at the consumer, and one to make it")
	c, err := l.fake.JetStream().Consumer(l.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
	require.NoError(l, err)
	require.Empty(l, c.CachedInfo().Config.Metadata)
	require.Zero(l, c.CachedInfo().NumAckPending)
}

// The group is left and joined again, and the agent is killed after it has let go of a
// command that was sent to a member, before it knows.
func TestACommandThatWasLetGoOutlivesAKill(t *testing.T) {
	for name, followed := range map[string]time.Duration{"before the consumer follows": 0, "later": 2 * time.Second, "much later": time.Minute} {
		t.Run(name, func(t *testing.T) {
			atEachRequest(t, func(l *lives, mortal func(*life)) (requests int) {
				first := l.begin(func(f *life) { mortal(f); f.deaf = true }, "canary")
				time.Sleep(time.Second)
				l.publish(wire.CommandsGroup("canary"), "grouped")
				first.member.set()
				synctest.Wait()
				time.Sleep(followed)
				first.kill()

				second := l.begin(immortal, "canary")
				time.Sleep(2 * time.Minute)
				second.kill()
				if followed < JoinWindow {
					require.Positive(l, l.ledger["grouped"], "it is lost; admitted: %v", l.ledger)
				}
				l.restsNow("canary")
				return first.requests
			})
		})
	}
}

// The groups are written again, for another reason, before a command that was sent
// under the first writing was read.
func TestAMembershipIsAsOldAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, since := newLives(t), &moment{}
		asks := func(f *life) { f.since = since.get }
		first := l.begin(asks)
		time.Sleep(time.Minute)
		since.set(time.Now()) // the run does not hear of it
		l.publish(wire.CommandsGroup("canary"), "grouped")
		l.publish(wire.CommandsGroup("wave1"), "older than the membership")
		l.publish(wire.CommandsAll(), "after")
		first.kill()
		second := l.begin(func(f *life) { asks(f); f.client.Disconnect() }, "canary")
		time.Sleep(time.Hour)
		since.set(time.Now())
		second.member.set("canary", "wave1")
		time.Sleep(time.Hour)
		second.client.Reconnect()
		time.Sleep(time.Minute)
		second.kill()
		require.Len(t, l.ledger, 2)
		require.Positive(t, l.ledger["grouped"], "admitted: %v", l.ledger)
		l.restsNow("canary", "wave1")
	})
}

// moment is a time that several goroutines know; not known at first.
type moment struct {
	mu sync.Mutex
	at time.Time
}

func (m *moment) set(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = at
}

func (m *moment) get() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}
