package retry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestConsumeHealsInACluster(t *testing.T) {
	t.Parallel()
	cluster := jstest.StartCluster(t, 3)
	replicated := workStream
	replicated.Replicas = 3
	js := newJetStream(t, cluster.Connect())
	awaitStream(t, js, replicated) // the leader may not know its peers yet
	var table timings
	// Each event is one more on the same cluster; the killed node is back before the next.
	for _, event := range []struct {
		what string
		node func(s, c *jetstream.ClusterInfo, connected string) string
	}{
		{"leader of the consumer killed", func(_, c *jetstream.ClusterInfo, _ string) string { return c.Leader }},
		{"leader of the stream killed", func(s, _ *jetstream.ClusterInfo, _ string) string { return s.Leader }},
		{"the node that we are connected to killed", func(_, _ *jetstream.ClusterInfo, connected string) string { return connected }},
	} {
		nc := cluster.Connect(nats.Name("reader"))
		reader := consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
		before, after := "before "+event.what, "after "+event.what
		putInCluster(t, js, before)
		reader.await(before)
		s, c := leaders(t, js)
		asked := reader.asked.Load()
		node := cluster.Node(event.node(s, c, nc.ConnectedServerName()))
		killed := time.Now()
		node.Kill()
		putInCluster(t, js, after)
		usable := time.Now()
		reader.await(after)
		table.add(event.what, time.Since(usable), reader.asked.Load()-asked)
		most := 12 + int64(time.Since(killed)/time.Second) // an election may take long, and the longest pause is a second
		require.LessOrEqual(t, reader.asked.Load()-asked, most, "requests for the consumer")
		require.Equal(t, 1, reader.count(after))
		reader.stop()
		nc.Close()
		node.Start()
		require.Eventually(t, func() bool { return inStep(t, js) }, generous, 20*time.Millisecond)
	}
	t.Log(table.String())
}

// putInCluster publishes until it is acknowledged: during an election nobody answers. The message id keeps it single.
func putInCluster(t *testing.T, js jetstream.JetStream, data string) {
	t.Helper()
	m := &nats.Msg{Subject: "work.a", Data: []byte(data), Header: nats.Header{nats.MsgIdHdr: {data}}}
	require.Eventually(t, func() bool { _, err := js.PublishMsg(t.Context(), m); return err == nil }, generous, time.Millisecond)
}

func leaders(t *testing.T, js jetstream.JetStream) (stream, consumer *jetstream.ClusterInfo) {
	t.Helper()
	s, err := js.Stream(within(t), "WORK")
	require.NoError(t, err)
	c, err := s.Consumer(within(t), "reader")
	require.NoError(t, err)
	return s.CachedInfo().Cluster, c.CachedInfo().Cluster
}

// inStep reports that stream and consumer have all their replicas.
func inStep(t *testing.T, js jetstream.JetStream) bool {
	s, err := js.Stream(t.Context(), "WORK")
	if err != nil {
		return false
	}
	c, err := s.Consumer(t.Context(), "reader")
	if err != nil {
		return false
	}
	for _, info := range []*jetstream.ClusterInfo{s.CachedInfo().Cluster, c.CachedInfo().Cluster} {
		if info == nil || info.Leader == "" || len(info.Replicas) != 2 ||
			slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current }) {
			return false
		}
	}
	return true
}
