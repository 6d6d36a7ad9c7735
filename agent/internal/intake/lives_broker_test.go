package intake

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// What a run leaves of the consumer when it is killed, at a real broker: the command of
// the group is behind the consumer.
func TestWhatAKilledRunHasLeftIsTakenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		groups, unread []string
		comes          bool
	}{
		"before the consumer had the group":    {nil, nil, true},
		"before the newest command was read":   {[]string{"canary"}, []string{"canary"}, true},
		"after that":                           {[]string{"canary"}, nil, false},
		"before that of another group":         {[]string{"canary", "wave1"}, []string{"wave1"}, false},
		"before that of a group of many years": {[]string{"canary"}, []string{"canary", "wave0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, newMembership("canary"), func(h *host) {
				h.publish(wire.CommandsGroup("canary"), "grouped")
				h.publish(wire.CommandsAll(), "after")
				h.passed("after", c.groups, c.unread)
			})
			h.awaitFilters("canary")
			if c.comes {
				h.await("grouped replay")
			}
			require.Eventually(t, func() bool { return h.consumer().Config.Metadata[unreadGroups] == "" }, generous, time.Millisecond)
			h.publish(wire.CommandsGroup("canary"), "next")
			h.await("next live", "next replay")
			require.Equal(t, c.comes, h.count("grouped replay") == 1)
			require.Zero(t, h.count("after replay"))
			require.Equal(t, 1, h.consumers())
		})
	}
}

// passed makes the consumer as a run had it that has taken what there was of commands
// to all.
func (h *host) passed(last string, groups, unread []string) {
	h.Helper()
	older, err := h.operator.CreateConsumer(h.bounded(), wire.StreamExec, consumerConfig(pcID, nil, nil))
	require.NoError(h, err)
	m, err := older.Next(jetstream.FetchMaxWait(generous))
	require.NoError(h, err)
	require.Equal(h, last, string(m.Data()))
	require.NoError(h, m.DoubleAck(h.bounded()))
	_, err = h.operator.UpdateConsumer(h.bounded(), wire.StreamExec, consumerConfig(pcID, groups, unread))
	require.NoError(h, err)
}
