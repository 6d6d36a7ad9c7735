package retry

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestIsUp(t *testing.T) {
	t.Parallel()
	up := map[nats.Status]bool{
		nats.CONNECTED: true, nats.DRAINING_SUBS: true, nats.DRAINING_PUBS: true,
		nats.DISCONNECTED: false, nats.CLOSED: false, nats.RECONNECTING: false, nats.CONNECTING: false,
	}
	for status, want := range up {
		require.Equal(t, want, isUp(status), status.String())
	}
}

func TestStateIsTheSumOfTheEvents(t *testing.T) {
	t.Parallel()
	events := make(chan nats.Status, 10)
	for _, status := range []nats.Status{nats.RECONNECTING, nats.CONNECTED, nats.RECONNECTING, nats.CLOSED} {
		events <- status
	}
	s := newConnState(true)
	_, changed := s.get()
	s.follow(events, func() nats.Status { t.Error("nothing was dropped"); return nats.CLOSED })
	connected, _ := s.get()
	require.False(t, connected)
	require.True(t, isClosed(changed))
	require.True(t, isClosed(s.closed))
}

func TestDroppedEventsAreMadeGoodByALook(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		now  nats.Status
		want bool
	}{
		"the connect was dropped": {nats.CONNECTED, true},
		"the close was dropped":   {nats.CLOSED, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := make(chan nats.Status, 10)
			for range cap(events) {
				events <- nats.RECONNECTING
			}
			s := newConnState(false)
			looks := 0
			now := func() nats.Status {
				looks++
				close(events)
				return tt.now
			}
			s.follow(events, now)
			connected, _ := s.get()
			require.Equal(t, tt.want, connected)
			require.Equal(t, 1, looks)
		})
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
