package intake

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestRemains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  jetstream.ConsumerConfig
		want remains
	}{
		{jetstream.ConsumerConfig{}, remains{filters: []string{">"}, unread: []string{}}},
		{jetstream.ConsumerConfig{FilterSubject: wire.CommandsFilter()}, remains{filters: []string{"commands.>"}, unread: []string{}}},
		{
			consumerConfig(pcID, []string{"a.b", "c"}, []string{"a.b", "c"}),
			remains{filters: wire.ReplayFilters(pcID, []string{"a.b", "c"}), unread: []string{"a.b", "c"}},
		},
	} {
		require.Equal(t, c.want, remainsOf(c.cfg))
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, group string
		want          bool
	}{
		{">", "a", true},
		{"commands.>", "a", true},
		{"commands.group.*", "a", true},
		{"commands.group.*", "a.b", false},
		{"commands.group.a", "a", true},
		{"commands.group.a", "a.b", false},
		{"commands.group.a.b", "a", false},
		{"commands.group.a.>", "a", false},
		{"commands.group.a.>", "a.b", true},
		{"commands.*.a", "a", true},
		{"commands.all", "all", false},
		{"", "a", false},
	} {
		require.Equal(t, c.want, takes([]string{"commands.all", c.filter}, c.group), "%+v", c)
	}
	require.False(t, takes(nil, "a"))
}

// uncommunicative does not look up consumers.
type uncommunicative struct {
	retry.ConsumerSource
	retry.StreamSource
}

// silent never answers who looks up a consumer.
type silent struct{ uncommunicative }

func (silent) Consumer(ctx context.Context, _, _ string) (jetstream.Consumer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Where nobody says what the consumer was, every group is read; the ledger knows what
// was done.
func TestAConsumerThatNobodyTellsOf(t *testing.T) {
	for name, c := range map[string]struct {
		source func(uncommunicative) CommandSource
		denied bool
		within time.Duration
	}{
		"a source that cannot":      {func(js uncommunicative) CommandSource { return js }, false, time.Second},
		"nobody answers":            {func(js uncommunicative) CommandSource { return silent{js} }, false, 40 * time.Second},
		"the broker does not allow": {func(js uncommunicative) CommandSource { return silent{js} }, true, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var denials *denytest.Transport
			set := func(b *bench) {
				b.createStream()
				js := b.fake.JetStream()
				_, err := js.CreateOrUpdateConsumer(b.t.Context(), wire.StreamExec, consumerConfig(pcID, []string{"canary"}, nil))
				require.NoError(b.t, err)
				b.pass()
				denials = denytest.New(b.fake.Conn())
				b.replay.JetStream, b.replay.Transport = c.source(uncommunicative{js, js}), denials
			}
			runSet(t, newMembership("canary"), set, func(t *testing.T, b *bench) {
				synctest.Wait()
				if c.denied {
					denials.Deny(retry.Denial{Subject: "$JS.API.CONSUMER.INFO.EXEC.agent_replay_PC-1", Err: nats.ErrPermissionViolation})
				}
				time.Sleep(c.within)
				require.Equal(t, []string{"1 replay"}, names(b.settled()))
				time.Sleep(time.Hour)
				require.Empty(t, b.taken())
			})
		})
	}
}

// pass sends a command to canary and one to all, and takes them from the consumer, as an
// earlier run has.
func (b *bench) pass() {
	b.t.Helper()
	js := b.fake.NewClient().JetStream()
	for subject, data := range map[string]string{wire.CommandsGroup("canary"): "1", wire.CommandsAll(): "2"} {
		_, err := js.Publish(b.t.Context(), subject, []byte(data))
		require.NoError(b.t, err)
	}
	older, err := js.Consumer(b.t.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
	require.NoError(b.t, err)
	it, err := older.Messages()
	require.NoError(b.t, err)
	for range 2 {
		m, err := it.Next()
		require.NoError(b.t, err)
		require.NoError(b.t, m.Ack())
	}
	it.Stop()
}

// A broker that is in trouble for a while is asked again: what it says in the end counts.
func TestTheConsumerIsLookedUpUntilTheBrokerIsBack(t *testing.T) {
	set := func(b *bench) {
		b.createStream()
		_, err := b.fake.JetStream().CreateOrUpdateConsumer(b.t.Context(), wire.StreamExec, consumerConfig(pcID, []string{"canary"}, nil))
		require.NoError(b.t, err)
		b.pass()
		b.fake.Fail(jstest.OpConsumer, errors.New("no leader"), lookups-1)
	}
	runSet(t, newMembership("canary"), set, func(t *testing.T, b *bench) {
		b.fake.Disconnect()
		time.Sleep(time.Hour)
		b.fake.Reconnect()
		time.Sleep(time.Hour)
		require.Empty(t, b.taken(), "the consumer had it")
		b.publish(wire.CommandsGroup("canary"), "3")
		require.ElementsMatch(t, []string{"3 live", "3 replay"}, names(b.settled()))
	})
}

// The server may have made the consumer although nobody heard of it, and other groups
// come before it is asked for again.
func TestAFirstConsumerWhoseAnswerIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLives(t)
		l.publish(wire.CommandsGroup("canary"), "grouped")
		l.publish(wire.CommandsAll(), "after")
		member := newMembership()
		f := l.begin(func(f *life) {
			f.member = member
			f.onCreate = func() { f.onCreate = nil; f.client.Disconnect() }
		})
		l.passAll("after")
		member.set("canary")
		time.Sleep(time.Minute)
		f.client.Reconnect()
		time.Sleep(time.Minute)
		f.kill()
		require.Positive(t, l.ledger["grouped"])
		l.restsNow("canary")
	})
}

// passAll takes a command to all from the consumer.
func (l *lives) passAll(data string) {
	l.Helper()
	c, err := l.fake.JetStream().Consumer(l.Context(), wire.StreamExec, wire.ReplayConsumer(pcID))
	require.NoError(l, err)
	it, err := c.Messages()
	require.NoError(l, err)
	defer it.Stop()
	m, err := it.Next()
	require.NoError(l, err)
	require.Equal(l, data, string(m.Data()))
	require.NoError(l, m.Ack())
}
