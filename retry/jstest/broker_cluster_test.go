package jstest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestAClusterOutlivesTheLeaderOfAStream(t *testing.T) {
	t.Parallel()
	c := StartCluster(t, 3)
	js, err := jetstream.New(c.Connect())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var stream jetstream.Stream
	require.Eventually(t, func() bool { // the leader may not know its peers yet
		stream, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	_, err = js.Publish(ctx, "s", []byte("kept"))
	require.NoError(t, err)

	leader := c.Node(stream.CachedInfo().Cluster.Leader)
	leader.Kill()
	require.False(t, leader.Running())
	c.AwaitReady()
	require.Eventually(t, func() bool {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		m, err := stream.GetLastMsgForSubject(attempt, "s")
		return err == nil && string(m.Data) == "kept"
	}, time.Minute, 50*time.Millisecond)

	leader.Start()
	require.Eventually(t, func() bool {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		info, err := stream.Info(attempt)
		if err != nil || info.Cluster == nil || info.Cluster.Leader == "" {
			return false
		}
		current := 0
		for _, peer := range info.Cluster.Replicas {
			if peer.Current && !peer.Offline {
				current++
			}
		}
		return current == 2
	}, time.Minute, 50*time.Millisecond, "the killed node comes back")
}
