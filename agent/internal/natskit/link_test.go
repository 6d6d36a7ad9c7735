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
