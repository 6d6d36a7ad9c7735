package natskit

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The broker does not take up what it has refused when there is room again, and
// nobody knows which subscription it was.
func TestWhatWasRefusedForWantOfRoomIsHeardWhenThereIs(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(`max_subscriptions: 2`))
	var log logtest.Buffer
	nc := dial(t, Options{Servers: []string{broker.URL()}, Logger: textLog(&log), crowded: time.Millisecond})
	requireConnected(t, nc)
	since, err := nc.Crowded()
	require.Zero(t, since)
	require.NoError(t, err)
	heard := [3]atomic.Bool{}
	subs := [3]*nats.Subscription{}
	for i, subject := range []string{"a", "b", "c"} {
		subs[i], err = nc.Subscribe(subject, func(*nats.Msg) { heard[i].Store(true) })
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { since, err := nc.Crowded(); return !since.IsZero() && err != nil }, patience, time.Millisecond)
	require.NoError(t, subs[0].Unsubscribe())

	other := broker.Connect()
	require.Eventually(t, func() bool {
		_ = other.Publish("b", nil)
		_ = other.Publish("c", nil)
		return heard[1].Load() && heard[2].Load()
	}, patience, 10*time.Millisecond, log.String())
	require.Contains(t, log.String(), "too many")
	require.Eventually(t, func() bool { since, _ := nc.Crowded(); return since.IsZero() }, patience, 10*time.Millisecond)
}

// While the limit stands the connection is left alone for most of the time, and what
// Crowded says is since when, not since the last connect.
func TestACrowdedConnectionIsMadeAnewSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Conn{dialer: &dialer{crowd: crowding{min: crowdedMin}}}
		crowd := &c.dialer.crowd
		refuse := func(redial func()) {
			time.Sleep(time.Millisecond)
			for range 3 {
				crowd.refused(redial, time.Now())
			}
		}
		began, redials := time.Now(), 0
		var redial func()
		redial = func() {
			redials++
			crowd.connect(time.Now())
			refuse(redial)
		}
		crowd.connect(time.Now())
		refuse(redial)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.GreaterOrEqual(t, redials, 24*60/16)
		require.LessOrEqual(t, redials, 5+24*60/8)
		since, err := c.Crowded()
		require.Equal(t, began.Add(time.Millisecond), since)
		require.ErrorIs(t, err, nats.ErrMaxSubscriptionsExceeded)

		crowd.connect(time.Now()) // and nothing is refused any more
		before := redials
		time.Sleep(time.Hour)
		since, _ = c.Crowded()
		require.Zero(t, since)
		require.Equal(t, before, redials)

		refuse(redial)
		since, _ = c.Crowded()
		require.Equal(t, time.Now(), since, "a case of its own")
		crowd.close()
		before = redials
		time.Sleep(time.Hour)
		require.Equal(t, before, redials)
	})
}
