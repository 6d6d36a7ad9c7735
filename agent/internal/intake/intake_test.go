package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

const pcID = "PC-1"

// bench is both sources over a fake broker, in virtual time.
type bench struct {
	t      *testing.T
	fake   *jstest.Fake
	out    chan delivery.Delivery
	live   *Live
	replay *Replay
	refuse atomic.Bool // changes of the consumer
	killed []string
	mu     sync.Mutex
}

func run(t *testing.T, test func(*testing.T, *bench)) {
	t.Helper()
	runWith(t, nil, test)
}

func runWith(t *testing.T, member *membership, test func(*testing.T, *bench)) {
	t.Helper()
	runSet(t, member, func(*bench) {}, test)
}

// runSet is runWith with sources that are changed before they run.
func runSet(t *testing.T, member *membership, set func(*bench), test func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, fake: jstest.NewFake(), out: make(chan delivery.Delivery, 1000)}
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		b.live = &Live{Transport: b.fake.Conn(), PCID: pcID, Out: b.out, Logger: log, Kill: func(id string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.killed = append(b.killed, id)
		}}
		if member != nil {
			member.changed = make(chan struct{}) // of this bubble
			b.live.Groups = member.get
		}
		b.replay = &Replay{JetStream: b.fake.JetStream(), Transport: b.fake.Conn(), PCID: pcID, Groups: b.live.Joined, Out: b.out, Logger: log}
		set(b)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, b.live.Subscribe(ctx))
		ended := make(chan error)
		go func() { ended <- b.live.Run(ctx) }()
		go func() { ended <- b.replay.Run(ctx) }()
		test(t, b)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
		b.live.Drain(ctx)
	})
}

func (b *bench) createStream() {
	b.t.Helper()
	_, err := b.fake.JetStream().CreateStream(b.t.Context(), execStream)
	require.NoError(b.t, err)
}

func (b *bench) publish(subject, data string) {
	b.t.Helper()
	require.NoError(b.t, b.fake.Conn().Publish(&nats.Msg{Subject: subject, Data: []byte(data)}))
	synctest.Wait()
}

// taken empties the channel, keyed by data and source.
func (b *bench) taken() map[string]delivery.Delivery {
	synctest.Wait()
	all := make(map[string]delivery.Delivery)
	for {
		select {
		case d := <-b.out:
			all[string(d.Data)+" "+string(d.Source)] = d
		default:
			return all
		}
	}
}

func TestACommandComesLiveAndReplayed(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "a")
		b.publish(wire.CommandsPC(pcID), "p")
		b.publish(wire.CommandsPC("PC-2"), "other")
		b.publish(wire.CommandsGroup("canary"), "group")
		all := b.taken()
		require.Len(t, all, 4)
		require.Equal(t, wire.CommandsAll(), all["a live"].Subject)
		require.True(t, all["p live"].Stamp.IsZero())
		require.False(t, all["p replay"].Stamp.IsZero())
		for _, d := range all {
			d.Answer(delivery.Ack)
		}
		time.Sleep(time.Hour)
		require.Empty(t, b.taken(), "what was acked does not come again")
	})
}

func TestSettlementsReachTheServer(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "a")
		b.publish(wire.CommandsPC(pcID), "p")
		first := b.taken()
		first["a replay"].Answer(delivery.Nak)
		first["p replay"].Answer(delivery.Term)
		time.Sleep(nakDelay - time.Second)
		require.Empty(t, b.taken())
		time.Sleep(2 * time.Second)
		again := b.taken()
		require.Len(t, again, 1)
		require.Contains(t, again, "a replay")
		time.Sleep(2 * ackWait) // not answered at all
		require.Contains(t, b.taken(), "a replay")
	})
}

func TestTheReplayOutlivesItsConsumerAndItsStream(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		time.Sleep(time.Hour) // no stream yet
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "1")
		require.Contains(t, b.taken(), "1 replay")

		require.NoError(t, b.fake.JetStream().DeleteConsumer(t.Context(), wire.StreamExec, wire.ReplayConsumer(pcID)))
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "2")
		require.Contains(t, b.taken(), "2 replay")

		require.NoError(t, b.fake.JetStream().DeleteStream(t.Context(), wire.StreamExec))
		time.Sleep(time.Minute)
		b.createStream()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "3")
		require.Contains(t, b.taken(), "3 replay")

		b.fake.Disconnect()
		time.Sleep(time.Hour)
		b.fake.Reconnect()
		time.Sleep(time.Minute)
		b.publish(wire.CommandsAll(), "4")
		require.Contains(t, b.taken(), "4 replay")
	})
}

func TestACommandForAnotherHostIsAckedAndForgotten(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		// The reference release's consumer takes everything; its update fails here.
		b.fake.Fail(jstest.OpConsumer, errors.New("no permission"), 1)
		b.createStream()
		cfg := consumerConfig(pcID, nil, nil)
		cfg.FilterSubjects = []string{wire.CommandsFilter()}
		time.Sleep(time.Minute)
		_, err := b.fake.JetStream().UpdateConsumer(t.Context(), wire.StreamExec, cfg)
		require.NoError(t, err)
		b.publish(wire.CommandsPC("PC-2"), "other")
		b.publish(wire.CommandsGroup("canary"), "group")
		time.Sleep(2 * ackWait)
		require.Empty(t, b.taken())
	})
}

func TestAKillNamesItsExecution(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.publish(wire.KillSubject("exec-1"), "")
		b.publish(wire.KillSubject("a.b.c"), "")
		b.publish("kill", "")
		require.Equal(t, []string{"exec-1", "a.b.c"}, b.killed)
	})
}

// Of a burst there may be no other copy than the live one.
func TestADrainHandsOverWhatTheBrokerHasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		out := make(chan delivery.Delivery)
		live := &Live{Transport: fake.Conn(), PCID: pcID, Out: out, Kill: func(string) {}, Logger: slog.New(slog.DiscardHandler)}
		require.NoError(t, live.Subscribe(t.Context()))
		publish := func() { require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsAll()})) }
		for range 100 {
			publish()
		}
		drained := make(chan struct{})
		go func() { live.Drain(t.Context()); close(drained) }()
		synctest.Wait()
		publish() // nobody listens any more
		for range 100 {
			time.Sleep(time.Millisecond)
			<-out
		}
		<-drained
		require.Zero(t, live.Dropped())
	})
}

func TestNothingIsHandedOverAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		out := make(chan delivery.Delivery) // nobody takes
		live := &Live{Transport: fake.Conn(), PCID: pcID, Out: out, Kill: func(string) {}, Logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, live.Subscribe(ctx))
		require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsAll(), Data: []byte("x")}))
		synctest.Wait()
		cancel()
		live.Drain(ctx)
		require.Empty(t, out)
		require.Zero(t, live.Dropped())
	})
}

func TestASubjectThatCannotBeSubscribedIsAnError(t *testing.T) {
	fake := jstest.NewFake()
	fake.Fail(jstest.OpSubscribe, errors.New("refused"), 1)
	live := &Live{Transport: fake.Conn(), PCID: pcID, Logger: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, live.Subscribe(t.Context()), "intake: subscribe commands.all")
}
