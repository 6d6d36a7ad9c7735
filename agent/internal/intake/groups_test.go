package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

// membership is what settings know of the host's groups.
type membership struct {
	mu      sync.Mutex
	groups  []string
	changed chan struct{}
}

func newMembership(groups ...string) *membership {
	return &membership{groups: append([]string{}, groups...), changed: make(chan struct{})}
}

func (m *membership) get() ([]string, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.groups, m.changed
}

func (m *membership) set(groups ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups = append([]string{}, groups...)
	close(m.changed)
	m.changed = make(chan struct{})
}

func TestUsableGroups(t *testing.T) {
	t.Parallel()
	many := make([]string, 0, MaxGroups+10)
	for n := range cap(many) {
		many = append(many, fmt.Sprintf("g%03d", n))
	}
	for _, c := range []struct {
		groups, want []string
		problem      string
	}{
		{nil, nil, ""},
		{[]string{"wave1", "canary"}, []string{"canary", "wave1"}, ""},
		{[]string{"canary", "canary", "wave1", "canary"}, []string{"canary", "wave1"}, ""},
		{[]string{"a.b", "*", ">", "a.>", "", "x y"}, []string{"a.b"}, `5 of 6 groups have a name that cannot stand in a subject`},
		{many, many[:MaxGroups], "10 groups are ignored"},
		{append([]string{"*"}, many...), many[:MaxGroups], "1 of 267 groups have a name"},
	} {
		names, problem := usable(c.groups)
		require.Len(t, names, len(c.want))
		require.True(t, slices.Equal(c.want, names), names)
		if c.problem == "" {
			require.Empty(t, problem)
		}
		require.Contains(t, problem, c.problem)
	}
}

func FuzzUsableGroups(f *testing.F) {
	f.Add("canary\nwave1\n*\n>\na..b\n\x00")
	f.Fuzz(func(t *testing.T, lines string) {
		names, _ := usable(strings.Split(lines, "\n"))
		require.LessOrEqual(t, len(names), MaxGroups)
		require.True(t, slices.IsSorted(names))
		for _, name := range names {
			require.Equal(t, "commands.group."+name, wire.CommandsGroup(name), "it is not hashed")
			require.True(t, wire.AddressedTo(wire.CommandsGroup(name), pcID, names))
		}
	})
}

// The table of the contract: what is subscribed to and what is left.
func TestTheSubscriptionsFollowTheGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ current, desired []string }{
		{nil, []string{"wave1", "canary"}},
		{[]string{"wave1", "canary"}, []string{"canary", "wave1"}},
		{[]string{"wave1", "canary"}, nil},
		{[]string{"canary"}, []string{"canary", "wave1"}},
		{[]string{"canary", "wave1"}, []string{"canary"}},
		{[]string{"wave1", "wave2"}, []string{"dept-eng", "canary"}},
		{[]string{"canary", "canary"}, []string{"canary", "canary", "wave1"}},
		{nil, []string{"zeta", "alpha", "mu"}},
	} {
		member := newMembership()
		runWith(t, member, func(t *testing.T, b *bench) {
			for _, groups := range [][]string{c.current, c.desired} {
				member.set(groups...)
				synctest.Wait()
				for _, group := range []string{"wave1", "wave2", "canary", "dept-eng", "alpha", "mu", "zeta"} {
					b.publish(wire.CommandsGroup(group), group)
				}
				want := make([]string, 0, len(groups))
				for _, group := range slices.Compact(slices.Sorted(slices.Values(groups))) {
					want = append(want, group+" live")
				}
				require.ElementsMatch(t, want, names(b.taken()))
			}
		})
	}
}

func names(all map[string]delivery.Delivery) []string {
	list := make([]string, 0, len(all))
	for name := range all {
		list = append(list, name)
	}
	return list
}

func TestTheReplayFollowsTheGroups(t *testing.T) {
	member := newMembership("canary")
	runWith(t, member, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsGroup("canary"), "1")
		b.publish(wire.CommandsGroup("wave1"), "others")
		require.ElementsMatch(t, []string{"1 live", "1 replay"}, names(b.settled()))
		member.set("wave1")
		time.Sleep(time.Second)
		require.Equal(t, []string{"commands.all", "commands.group.wave1", "commands.pc.PC-1"}, b.filters())
		b.publish(wire.CommandsGroup("canary"), "2")
		b.publish(wire.CommandsGroup("wave1"), "3")
		require.NotContains(t, b.settled(), "2 live")
		time.Sleep(time.Second) // the newest command of the group has its owner now, which the consumer is told
		b.publish(wire.CommandsGroup("wave1"), "4")
		require.ElementsMatch(t, []string{"4 live", "4 replay"}, names(b.settled()))
		member.set()
		time.Sleep(time.Second)
		b.publish(wire.CommandsGroup("wave1"), "5")
		b.publish(wire.CommandsAll(), "6")
		require.ElementsMatch(t, []string{"6 live", "6 replay"}, names(b.settled()))
	})
}

func (b *bench) settled() map[string]delivery.Delivery {
	all := b.taken()
	for _, d := range all {
		d.Answer(delivery.Ack)
	}
	return all
}

func (b *bench) filters() []string {
	b.t.Helper()
	c, err := b.fake.JetStream().Consumer(b.t.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
	require.NoError(b.t, err)
	return c.CachedInfo().Config.FilterSubjects
}

// Of a group that is joined nothing may fall between the two ways: the filter
// takes it in when the subscription stands.
func TestTheSubscriptionComesBeforeTheFilter(t *testing.T) {
	member := newMembership()
	runWith(t, member, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		b.fake.Fail(jstest.OpSubscribe, errors.New("refused"), 3)
		member.set("canary")
		time.Sleep(time.Second / 2)
		require.NotContains(t, b.filters(), wire.CommandsGroup("canary"))
		time.Sleep(time.Minute)
		require.Contains(t, b.filters(), wire.CommandsGroup("canary"))
		b.publish(wire.CommandsGroup("canary"), "1")
		require.ElementsMatch(t, []string{"1 live", "1 replay"}, names(b.settled()))
	})
}

// What waits for room when its group is left is not handed on.
func TestWhatIsOnItsWayForAGroupThatWasLeftIsNotHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		member := newMembership("canary")
		fake := jstest.NewFake()
		_, err := fake.JetStream().CreateStream(t.Context(), execStream)
		require.NoError(t, err)
		out := make(chan delivery.Delivery) // nobody takes
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		live := &Live{Transport: fake.Conn(), PCID: pcID, Groups: member.get, Out: out, Kill: func(string) {}, Logger: log}
		replay := &Replay{JetStream: fake.JetStream(), Transport: fake.Conn(), PCID: pcID, Groups: live.Joined, Out: out, Logger: log}
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, live.Subscribe(ctx))
		var running sync.WaitGroup
		running.Go(func() { _ = live.Run(ctx) })
		running.Go(func() { _ = replay.Run(ctx) })
		time.Sleep(time.Second)
		for range 5 {
			require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsGroup("canary"), Data: []byte("x")}))
		}
		time.Sleep(time.Second)
		member.set("wave1")
		time.Sleep(time.Second)
		select {
		case d := <-out:
			require.Fail(t, "handed on", "%+v", d)
		default:
		}
		time.Sleep(nakDelay)
		c, err := fake.JetStream().Consumer(t.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
		require.NoError(t, err)
		require.Zero(t, c.CachedInfo().NumAckPending, "it was acked: it is nobody's any more")
		cancel()
		running.Wait()
		live.Drain(ctx)
	})
}

// The first consumer of a host starts with the last command of each subject: its
// filters have to be right then.
func TestTheFirstReplayWaitsForTheGroups(t *testing.T) {
	member := newMembership()
	member.groups = nil // not known
	runWith(t, member, func(t *testing.T, b *bench) {
		b.createStream()
		b.publish(wire.CommandsGroup("canary"), "1")
		time.Sleep(groupsWait / 2)
		require.Empty(t, b.taken())
		member.set("canary")
		time.Sleep(time.Second)
		require.ElementsMatch(t, []string{"1 replay"}, names(b.settled()))
	})
}

func TestAHostWithoutGroupsIsReplayedAtOnce(t *testing.T) {
	member := newMembership()
	member.groups = nil
	runWith(t, member, func(t *testing.T, b *bench) {
		b.createStream()
		b.publish(wire.CommandsAll(), "1")
		b.taken()
		member.set()
		time.Sleep(time.Second)
		require.ElementsMatch(t, []string{"1 replay"}, names(b.settled()))
	})
}

func TestTheReplayDoesNotWaitForGroupsForEver(t *testing.T) {
	member := newMembership()
	member.groups = nil
	runWith(t, member, func(t *testing.T, b *bench) {
		b.fake.Disconnect()
		time.Sleep(time.Hour) // counts for nothing
		b.fake.Reconnect()
		b.createStream()
		b.publish(wire.CommandsPC(pcID), "1")
		time.Sleep(groupsWait - time.Second)
		require.NotContains(t, b.taken(), "1 replay")
		time.Sleep(3 * time.Second)
		require.ElementsMatch(t, []string{"1 replay"}, names(b.settled()))
	})
}

func TestABadGroupIsReportedOnce(t *testing.T) {
	var text bytes.Buffer
	member := newMembership("canary", "*", "wave 1")
	live := &Live{Transport: jstest.NewFake().Conn(), PCID: pcID, Groups: member.get, Logger: slog.New(slog.NewTextHandler(&text, nil))}
	require.NoError(t, live.Subscribe(t.Context()))
	for range 3 {
		require.NoError(t, live.join(t.Context(), []string{"canary", "*", "wave 1"}))
	}
	require.Equal(t, 1, strings.Count(text.String(), "level=WARN"), text.String())
	require.Contains(t, text.String(), "2 of 3 groups")
	groups, _ := live.Joined()
	require.Equal(t, []string{"canary"}, groups)
	live.Drain(t.Context())
}

// PC.1 and PC_1 make the same consumer name, which the contract fixes.
func TestACommandForATwinIsGivenBack(t *testing.T) {
	var text bytes.Buffer
	replay := &Replay{PCID: "PC.1", Logger: slog.New(slog.NewTextHandler(&text, nil))}
	for _, c := range []struct {
		subject string
		err     error
		settled int
	}{{wire.CommandsPC("PC_1"), errTwin, 0}, {wire.CommandsPC("PC_1"), errTwin, 0}, {wire.CommandsPC("PC-2"), nil, 1}, {wire.CommandsGroup("g"), nil, 1}} {
		m := jstest.NewMsg(&nats.Msg{Subject: c.subject}, nil)
		require.ErrorIs(t, replay.receive(t.Context(), m), c.err)
		require.Len(t, m.Settlements(), c.settled)
	}
	require.Equal(t, 1, strings.Count(text.String(), "level=ERROR"), text.String())
	require.Contains(t, text.String(), "other=PC_1")
}

var execStream = jetstream.StreamConfig{Name: wire.StreamExec, Subjects: []string{wire.CommandsFilter()}, MaxMsgsPerSubject: 1}
