package intake

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A command that is sent right before the agent follows the join comes neither live
// nor by the consumer, which the command after it has taken further.
func TestACommandSentAroundAJoinComes(t *testing.T) {
	t.Parallel()
	member := newMembership()
	h := newHost(t, member, func(*host) {})
	h.awaitFilters()
	const rounds = 20
	for n := range rounds {
		group, between := fmt.Sprintf("g%d", n), fmt.Sprintf("between %d", n)
		h.publish(wire.CommandsGroup(group), group)
		h.publish(wire.CommandsAll(), between)
		h.await(between + " replay")
		member.set(group)
		h.await(group + " replay")
		require.Zero(t, h.count(group+" live"))
	}
	require.Equal(t, 1, h.consumers())
}

func TestTheNewestCommandOfAJoinedGroup(t *testing.T) {
	const unknown = time.Duration(1)
	for name, c := range map[string]struct {
		age   time.Duration // of the command at the join
		since time.Duration // of the membership, from the sending on
		comes bool
	}{
		"sent just before the join":             {age: time.Second, since: unknown, comes: true},
		"as old as may be":                      {age: JoinWindow - 2*time.Second, since: unknown, comes: true},
		"older than the host may be behind":     {age: JoinWindow + time.Second, since: unknown},
		"old, sent to a member":                 {age: 48 * time.Hour, since: -time.Hour, comes: true},
		"old, sent just before the membership":  {age: 48 * time.Hour, since: JoinWindow / 2, comes: true},
		"old, sent long before the membership":  {age: 48 * time.Hour, since: time.Hour},
		"sent before a change of the row again": {age: time.Second, since: time.Hour, comes: true},
	} {
		t.Run(name, func(t *testing.T) {
			member, since := newMembership(), &moment{}
			set := func(b *bench) { b.replay.MemberSince = since.get }
			runSet(t, member, set, func(t *testing.T, b *bench) {
				b.createStream()
				time.Sleep(time.Minute)
				sent := time.Now()
				if c.since != unknown {
					since.set(sent.Add(c.since))
				}
				b.publish(wire.CommandsGroup("canary"), "1")
				b.publish(wire.CommandsAll(), "2")
				require.ElementsMatch(t, []string{"2 live", "2 replay"}, names(b.settled()))
				time.Sleep(c.age)
				member.set("canary")
				time.Sleep(time.Second)
				all := b.settled()
				if c.comes {
					require.Equal(t, []string{"1 replay"}, names(all))
					require.True(t, sent.Equal(all["1 replay"].Stamp))
					require.Equal(t, wire.CommandsGroup("canary"), all["1 replay"].Subject)
				} else {
					require.Empty(t, all)
				}
				time.Sleep(time.Hour)
				require.Empty(t, b.taken(), "it is asked for once")
			})
		})
	}
}

// missed is a command for canary that comes neither live nor by the consumer.
func (b *bench) missed() {
	b.t.Helper()
	b.createStream()
	time.Sleep(time.Minute)
	b.publish(wire.CommandsGroup("canary"), "1")
	b.publish(wire.CommandsAll(), "2")
	require.ElementsMatch(b.t, []string{"2 live", "2 replay"}, names(b.settled()))
}

func TestTheNewestCommandComesAgainUntilItHasAnOwner(t *testing.T) {
	member := newMembership()
	runWith(t, member, func(t *testing.T, b *bench) {
		b.missed()
		member.set("canary")
		time.Sleep(time.Second)
		b.taken()["1 replay"].Answer(delivery.Nak)
		time.Sleep(nakDelay - time.Second)
		require.Empty(t, b.taken())
		time.Sleep(2 * time.Second)
		require.Contains(t, b.taken(), "1 replay") // not answered at all
		time.Sleep(ackWait + nakDelay + time.Second)
		b.taken()["1 replay"].Answer(delivery.Ack)
		time.Sleep(time.Hour)
		require.Empty(t, b.taken())
	})
}

func TestAGroupThatIsJoinedAgainIsReadAgain(t *testing.T) {
	member := newMembership("canary")
	runWith(t, member, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		member.set()
		time.Sleep(time.Second)
		b.publish(wire.CommandsGroup("canary"), "1")
		b.publish(wire.CommandsAll(), "2")
		b.settled()
		member.set("canary")
		time.Sleep(time.Second)
		require.Equal(t, []string{"1 replay"}, names(b.settled()))
	})
}

// A group may be left before its newest command was found, or has an owner.
func TestAGroupThatIsLeftIsNotReadAnyMore(t *testing.T) {
	member := newMembership()
	runWith(t, member, func(t *testing.T, b *bench) {
		b.missed()
		b.fake.Fail(jstest.OpStream, errors.New("no answer"), -1)
		member.set("canary")
		time.Sleep(30 * time.Second)
		member.set()
		b.fake.Fail(jstest.OpStream, nil, 0)
		time.Sleep(2 * time.Minute)
		require.Empty(t, b.taken())
	})
}

func TestAJoinIsReadWhenTheBrokerIsBack(t *testing.T) {
	member := newMembership()
	runWith(t, member, func(t *testing.T, b *bench) {
		b.missed()
		b.fake.Fail(jstest.OpStream, errors.New("no answer"), 2)
		member.set("canary")
		time.Sleep(30 * time.Second)
		require.Equal(t, []string{"1 replay"}, names(b.settled()))
	})
}

// What nobody may read is waited for no longer than the refusal takes.
func TestARoleThatMayNotReadTheStream(t *testing.T) {
	member := newMembership()
	var denials *denytest.Transport
	set := func(b *bench) {
		denials = denytest.New(b.fake.Conn())
		b.replay.Transport = denials
	}
	runSet(t, member, set, func(t *testing.T, b *bench) {
		b.missed()
		b.fake.Fail(jstest.OpStream, errors.New("silence"), -1)
		member.set("canary")
		time.Sleep(time.Second)
		denials.Deny(retry.Denial{Subject: "$JS.API.STREAM.INFO.EXEC", Err: nats.ErrPermissionViolation})
		synctest.Wait()
		b.fake.Fail(jstest.OpStream, nil, 0)
		time.Sleep(time.Hour)
		require.Empty(t, b.taken(), "it is not tried again")
		b.publish(wire.CommandsGroup("canary"), "3")
		require.ElementsMatch(t, []string{"3 live", "3 replay"}, names(b.settled()))
	})
}

// rejoining is a host whose admission takes nothing yet, so that a command of its
// group waits in both ways when the group is left.
func rejoining(t *testing.T, test func(t *testing.T, b *bench, member *membership)) {
	t.Helper()
	member := newMembership("canary")
	set := func(b *bench) {
		b.out = make(chan delivery.Delivery)
		b.live.Out, b.replay.Out = b.out, b.out
	}
	runSet(t, member, set, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsGroup("canary"), "1")
		test(t, b, member)
	})
}

// comes takes what comes in an hour, and settles it.
func (b *bench) comes() map[string]int {
	all := map[string]int{}
	for end := time.After(time.Hour); ; {
		select {
		case d := <-b.out:
			all[string(d.Data)+" "+string(d.Source)]++
			d.Answer(delivery.Ack)
		case <-end:
			return all
		}
	}
}

// The group is left and joined again before the consumer has followed: its filters
// never change, and what it delivers in between is let go.
func TestACommandOfAGroupThatIsOutForAMomentComes(t *testing.T) {
	for name, out := range map[string]time.Duration{"no time": 0, "a moment": 10 * time.Millisecond, "longer": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			rejoining(t, func(t *testing.T, b *bench, member *membership) {
				member.set()
				synctest.Wait() // both ways have let go of the command
				time.Sleep(out)
				member.set("canary")
				all := b.comes() // once more where the consumer has followed
				require.Contains(t, all, "1 replay")
				require.Len(t, all, 1)
			})
		})
	}
}

// The same while the newest command of a group that was just joined is read.
func TestACommandOfAGroupThatIsOutForAMomentComesWhileItIsRead(t *testing.T) {
	rejoining(t, func(t *testing.T, b *bench, member *membership) {
		for range 3 {
			member.set()
			synctest.Wait()
			member.set("canary")
			time.Sleep(time.Second) // it is read, and waits
		}
		all := b.comes() // once more by the consumer, which was to forget it
		require.Contains(t, all, "1 replay")
		require.Len(t, all, 1)
	})
}

func TestACommandOfAGroupThatIsOutForGoodDoesNotCome(t *testing.T) {
	rejoining(t, func(t *testing.T, b *bench, member *membership) {
		member.set()
		synctest.Wait()
		require.Empty(t, b.comes())
		member.set("wave1")
		require.Empty(t, b.comes())
		member.set("canary")
		require.Empty(t, b.comes(), "it is older than the join")
	})
}

// The consumer of an earlier run goes on with its filters while the broker refuses
// new ones; then what was sent to a group that it did not have is read.
func TestWhatPassedAConsumerThatWasNotUpdatedIsRead(t *testing.T) {
	member := newMembership("canary")
	set := func(b *bench) {
		b.createStream()
		_, err := b.fake.JetStream().CreateOrUpdateConsumer(b.t.Context(), wire.StreamExec, consumerConfig(pcID, nil, nil))
		require.NoError(t, err)
		b.replay.JetStream = refusing{b.fake.JetStream(), &b.refuse}
		b.refuse.Store(true)
	}
	runSet(t, member, set, func(t *testing.T, b *bench) {
		time.Sleep(10 * time.Second)
		b.fake.Disconnect() // nobody hears it live
		operator := b.fake.NewClient()
		for subject, data := range map[string]string{wire.CommandsGroup("canary"): "group", wire.CommandsAll(): "all"} {
			_, err := operator.JetStream().Publish(t.Context(), subject, []byte(data))
			require.NoError(t, err)
		}
		b.fake.Reconnect()
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"all replay"}, names(b.settled()), "the old filters go on")
		b.refuse.Store(false)
		time.Sleep(30 * time.Second)
		require.Equal(t, []string{"group replay"}, names(b.settled()))
	})
}

// As long as the consumer is not narrowed, what it brings for others is forgotten: it
// would come again and again.
func TestAConsumerThatIsNotUpdatedDoesNotKeepWhatIsForOthers(t *testing.T) {
	set := func(b *bench) {
		b.createStream()
		cfg := consumerConfig(pcID, nil, nil)
		cfg.FilterSubjects = []string{wire.CommandsFilter()}
		_, err := b.fake.JetStream().CreateOrUpdateConsumer(b.t.Context(), wire.StreamExec, cfg)
		require.NoError(b.t, err)
		b.replay.JetStream = refusing{b.fake.JetStream(), &b.refuse}
		b.refuse.Store(true)
	}
	runSet(t, newMembership("canary"), set, func(t *testing.T, b *bench) {
		time.Sleep(time.Minute)
		b.publish(wire.CommandsGroup("wave1"), "of others")
		b.publish(wire.CommandsGroup("canary"), "1")
		time.Sleep(10 * time.Second) // the new filters may just have been asked for: the reading pauses for a moment then
		require.ElementsMatch(t, []string{"1 live", "1 replay"}, names(b.settled()))
		time.Sleep(10 * time.Second)
		c, err := b.fake.JetStream().Consumer(t.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
		require.NoError(t, err)
		require.Zero(t, c.CachedInfo().NumAckPending)
	})
}

// refusing does not let anybody change a consumer.
type refusing struct {
	*jstest.JetStream
	now *atomic.Bool
}

func (r refusing) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if r.now.Load() {
		return nil, errors.New("the server refuses it")
	}
	return r.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
}

func TestWhatIsOwedIsBounded(t *testing.T) {
	var j joins
	for n := range 2 * maxOwed {
		j.owe(fmt.Sprint(n))
		j.owe("canary")
	}
	require.Len(t, j.owed, maxOwed)
	group, ok := j.next([]string{"canary"})
	require.True(t, ok)
	require.Equal(t, "canary", group)
	_, ok = j.next([]string{"canary"})
	require.False(t, ok)
}
