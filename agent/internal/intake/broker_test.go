package intake

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

// host is both sources on a real broker. It acks what comes.
type host struct {
	*testing.T
	broker   *jstest.Broker
	operator jetstream.JetStream
	live     *Live
	nc       *nats.Conn // of the host

	mu  sync.Mutex
	got map[string]int // by data and source
}

func newHost(t *testing.T, member *membership, prepare func(*host)) *host {
	t.Helper()
	h := &host{T: t, broker: jstest.StartBroker(t), got: map[string]int{}}
	h.operator = h.broker.JetStream()
	h.createStream()
	prepare(h)
	nc := h.broker.Connect()
	h.nc = nc
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	transport, out := retry.FromNATS(nc), make(chan delivery.Delivery)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h.live = &Live{Transport: transport, PCID: pcID, Groups: member.get, Out: out, Kill: func(string) {}, Logger: log}
	replay := &Replay{JetStream: js, Transport: transport, PCID: pcID, Groups: h.live.Joined, Out: out, Logger: log}
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, h.live.Subscribe(ctx))
	var sources, admission sync.WaitGroup
	sources.Go(func() { _ = h.live.Run(ctx) })
	sources.Go(func() { _ = replay.Run(ctx) })
	admission.Go(func() {
		for d := range out {
			h.note(string(d.Data) + " " + string(d.Source))
			d.Answer(delivery.Ack)
		}
	})
	t.Cleanup(func() {
		cancel()
		sources.Wait()
		h.live.Drain(ctx)
		close(out)
		admission.Wait()
	})
	return h
}

func (h *host) note(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got[what]++
}

func (h *host) count(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[what]
}

func (h *host) createStream() {
	h.Helper()
	_, err := h.operator.CreateStream(h.bounded(), execStream)
	require.NoError(h, err)
}

func (h *host) bounded() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	h.Cleanup(cancel)
	return ctx
}

func (h *host) publish(subject, data string) {
	h.Helper()
	require.Eventually(h, func() bool { // what a killed broker has taken is not always known to be lost
		ctx, cancel := context.WithTimeout(h.Context(), 5*time.Second)
		defer cancel()
		_, err := h.operator.Publish(ctx, subject, []byte(data))
		return err == nil
	}, generous, time.Millisecond)
}

// await polls until all of these have come.
func (h *host) await(what ...string) {
	h.Helper()
	for _, w := range what {
		require.Eventually(h, func() bool { return h.count(w) > 0 }, generous, time.Millisecond, "%s has not come", w)
	}
}

func (h *host) consumer() *jetstream.ConsumerInfo {
	h.Helper()
	c, err := h.operator.Consumer(h.bounded(), wire.StreamExec, wire.ReplayConsumer(pcID))
	require.NoError(h, err)
	return c.CachedInfo()
}

func (h *host) awaitFilters(groups ...string) {
	h.Helper()
	want := fmt.Sprint(wire.ReplayFilters(pcID, groups))
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	require.Eventually(h, func() bool {
		c, err := h.operator.Consumer(ctx, wire.StreamExec, wire.ReplayConsumer(pcID))
		return err == nil && fmt.Sprint(c.CachedInfo().Config.FilterSubjects) == want
	}, generous, time.Millisecond)
}

// The reference agent was here before: its consumer takes every command.
func TestTheConsumerOfTheReferenceReleaseIsTakenOver(t *testing.T) {
	t.Parallel()
	member := newMembership("canary")
	h := newHost(t, member, func(h *host) {
		name := wire.ReplayConsumer(pcID)
		older, err := h.operator.CreateConsumer(h.bounded(), wire.StreamExec, jetstream.ConsumerConfig{
			Durable: name, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: wire.CommandsFilter(),
		})
		require.NoError(h, err)
		h.publish(wire.CommandsAll(), "done")
		m, err := older.Next()
		require.NoError(h, err)
		require.NoError(h, m.DoubleAck(h.bounded()))
		h.publish(wire.CommandsPC(pcID), "missed")
		h.publish(wire.CommandsGroup("canary"), "missed by the group")
		h.publish(wire.CommandsGroup("wave1"), "of others")
	})
	h.await("missed replay", "missed by the group replay")
	h.publish(wire.CommandsAll(), "now")
	h.await("now replay", "now live")
	h.publish(wire.CommandsGroup("wave1"), "of others still")
	member.set("wave1")
	h.awaitFilters("wave1")
	h.publish(wire.CommandsGroup("canary"), "too late")
	h.publish(wire.CommandsGroup("wave1"), "joined")
	h.await("joined replay", "joined live")
	for _, never := range []string{"done replay", "too late replay", "too late live", "of others live", "of others still live"} {
		require.Zero(t, h.count(never), never)
	}
	require.Equal(t, 30*24*time.Hour, h.consumer().Config.InactiveThreshold)
	require.Equal(t, 1, h.consumers())
}

func (h *host) consumers() int {
	h.Helper()
	s, err := h.operator.Stream(h.bounded(), wire.StreamExec)
	require.NoError(h, err)
	return s.CachedInfo().State.Consumers
}

// Groups change all the time under a stream of commands. Each command for a group
// that was joined when it was sent comes at least once, whichever way.
func TestNoGroupCommandFallsBetweenSubscriptionAndFilter(t *testing.T) {
	t.Parallel()
	member := newMembership()
	h := newHost(t, member, func(*host) {})
	h.awaitFilters()
	const rounds = 30
	for n := range rounds {
		group := fmt.Sprintf("g%d", n)
		member.set(group)
		require.Eventually(t, func() bool { groups, _ := h.live.Joined(); return len(groups) == 1 && groups[0] == group }, generous, 50*time.Microsecond)
		h.publish(wire.CommandsGroup(group), group)
		require.Eventually(t, func() bool { return h.count(group+" live")+h.count(group+" replay") > 0 }, generous, 50*time.Microsecond)
	}
	h.awaitFilters(fmt.Sprintf("g%d", rounds-1))
	require.Equal(t, 1, h.consumers())
}

// The times are of one machine and printed only.
func TestCommandsComeAgainAfterTheBrokerWasAway(t *testing.T) {
	t.Parallel()
	member := newMembership("canary")
	h := newHost(t, member, func(*host) {})
	h.awaitFilters("canary")
	var table []string
	for n, event := range []struct {
		what string
		do   func()
	}{
		{"restart with data", h.broker.Restart},
		{"killed and restarted with data", func() { h.broker.Kill(); h.broker.Start() }},
		{"killed, wiped, streams back after the reconnect", func() {
			h.broker.Kill()
			h.broker.Wipe()
			h.broker.Start()
			require.Eventually(t, func() bool { return h.connected() }, generous, time.Millisecond)
			h.createStream()
		}},
		{"stream deleted and made again", func() {
			require.NoError(t, h.operator.DeleteStream(h.bounded(), wire.StreamExec))
			h.createStream()
		}},
		{"consumer deleted", func() {
			require.NoError(t, h.operator.DeleteConsumer(h.bounded(), wire.StreamExec, wire.ReplayConsumer(pcID)))
		}},
	} {
		event.do()
		usable := time.Now()
		all, group := fmt.Sprintf("all %d", n), fmt.Sprintf("group %d", n)
		h.publish(wire.CommandsAll(), all)
		h.publish(wire.CommandsGroup("canary"), group)
		h.await(all+" replay", group+" replay")
		table = append(table, fmt.Sprintf("%-50s %s", event.what, time.Since(usable).Round(time.Millisecond)))
		require.Equal(t, 1, h.consumers())
	}
	t.Logf("time from usable to a replayed command\n%s", strings.Join(table, "\n"))
}

func (h *host) connected() bool {
	up, _ := h.live.Transport.State()
	return up
}
