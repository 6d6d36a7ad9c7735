package natskit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestStalenessCountsFromTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		fake.Disconnect()
		link := NewLink(fake.Conn(), nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- link.Run(ctx) }()

		time.Sleep(time.Hour)
		require.Equal(t, wire.NeverConnected, link.Offline())
		fake.Reconnect()
		synctest.Wait()
		time.Sleep(72 * time.Hour)
		require.Zero(t, link.Offline())
		connected, since := link.Since()
		require.True(t, connected)
		require.Equal(t, 72*time.Hour, time.Since(since))
		fake.Disconnect()
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, time.Second, link.Offline(), "not the three days since the connect")
		cancel()
		require.NoError(t, <-ended)
	})
}

// A host that sleeps for a night has not heard of its broker for a night. On most
// systems the clock that timers go by has stood still meanwhile.
func TestASleepCountsAsOffline(t *testing.T) {
	fake := jstest.NewFake()
	link := NewLink(fake.Conn(), nil)
	now := reading{wall: time.Unix(1_000_000, 0)}
	link.clock = func() reading { return now }
	pass := func(wall, mono time.Duration) { now.wall, now.mono = now.wall.Add(wall), now.mono+mono }
	link.note(true)
	pass(time.Hour, time.Hour)
	fake.Disconnect()
	link.note(false)
	pass(time.Minute, time.Minute)
	require.Equal(t, time.Minute, link.Offline())
	pass(8*time.Hour, time.Second) // asleep
	require.Equal(t, 8*time.Hour+time.Minute, link.Offline())
	pass(-24*time.Hour, time.Minute) // set back
	require.Equal(t, 2*time.Minute+time.Second, link.Offline(), "it has passed at any rate")
}

// Who asks for the server's name may wait for the connection, and a loss that is over
// by then was one all the same.
func TestALossThatNobodyCouldSeeBeginsAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		asked, answer := make(chan struct{}), make(chan string)
		link := NewLink(fake.Conn(), func() string { asked <- struct{}{}; return <-answer })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- link.Run(ctx) }()
		<-asked
		time.Sleep(time.Hour)
		fake.Disconnect()
		fake.Reconnect()
		answer <- "nats://one:4222"
		<-asked
		answer <- "nats://two:4222"
		synctest.Wait()
		connected, since := link.Since()
		require.True(t, connected)
		require.Equal(t, time.Now(), since)
		require.Equal(t, "nats://two:4222", link.Server())
		cancel()
		require.NoError(t, <-ended)
	})
}
