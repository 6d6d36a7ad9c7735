package retry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// clusterEvent is something that happens to a cluster of three with a bucket of three replicas.
type clusterEvent struct {
	what      string
	connected int   // to the node that leads the bucket's stream (0), or to another one
	hit       []int // nodes, counted in the same way
	end       func(*jstest.Broker)
	mend      func(*jstest.Broker)
	back      bool // the nodes come back before the value is written: it cannot be without them
}

var clusterEvents = []clusterEvent{
	{what: "leader killed, connected to another node", connected: 1, hit: []int{0}, end: (*jstest.Broker).Kill, mend: (*jstest.Broker).Start},
	{what: "leader killed, connected to it", hit: []int{0}, end: (*jstest.Broker).Kill, mend: (*jstest.Broker).Start},
	{what: "a follower killed, connected to it", connected: 1, hit: []int{1}, end: (*jstest.Broker).Kill, mend: (*jstest.Broker).Start},
	{what: "leader frozen, connected to it", hit: []int{0}, end: (*jstest.Broker).Pause, mend: (*jstest.Broker).Resume},
	{what: "all but the node that we are connected to killed, and back", connected: 1, hit: []int{0, 2}, end: (*jstest.Broker).Kill, mend: (*jstest.Broker).Start, back: true},
}

func TestWatchKVHealsInACluster(t *testing.T) {
	t.Parallel()
	cluster := jstest.StartCluster(t, 3)
	maker := newJetStream(t, cluster.Connect())
	var kv jetstream.KeyValue
	require.Eventually(t, func() bool {
		var err error
		kv, err = maker.CreateOrUpdateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "settings", Replicas: 3})
		return err == nil
	}, generous, 50*time.Millisecond)
	rows := []string{fmt.Sprintf("%-60s %12s %12s %9s", "what happened", "written after", "→ value", "requests")}
	defer func() { t.Log("\n" + strings.Join(rows, "\n")) }()
	for i, e := range clusterEvents {
		before, after := fmt.Sprint("before ", i), fmt.Sprint("after ", i)
		nodes := byLeader(t, cluster, maker)
		putInBucket(t, kv, healingKey, before)
		nc, w := watchFrom(t, cluster, nodes[e.connected], holds(healingKey, before))

		asked, began := len(w.src.sent()), time.Now()
		for _, n := range e.hit {
			e.end(nodes[n])
		}
		if e.back {
			mendAll(e, nodes)
		}
		attempts := putInBucket(t, kv, healingKey, after)
		usable := time.Now()
		w.requireFresh(holds(healingKey, after))
		_, _, seen := w.last()
		took := len(w.src.sent()) - asked
		rows = append(rows, fmt.Sprintf("%-60s %12s %12s %9d", e.what, usable.Sub(began).Round(time.Millisecond), seen.Sub(usable).Round(time.Millisecond), took))
		require.LessOrEqual(t, took, 12+3*attempts, "each attempt to write is a hint; requests: %q", w.src.sent()[asked:])

		w.end()
		nc.Close()
		if !e.back {
			mendAll(e, nodes)
		}
	}
}

func mendAll(e clusterEvent, nodes []*jstest.Broker) {
	for _, n := range e.hit {
		e.mend(nodes[n])
	}
}

// byLeader waits until the bucket has all its replicas, and returns their nodes, that of the leader first.
func byLeader(t *testing.T, c *jstest.Cluster, js jetstream.JetStream) (nodes []*jstest.Broker) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "KV_settings")
		if err != nil {
			return false
		}
		info := stream.CachedInfo().Cluster
		if info == nil || info.Leader == "" || len(info.Replicas) != 2 ||
			slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current }) {
			return false
		}
		nodes = []*jstest.Broker{c.Node(info.Leader)}
		for _, p := range info.Replicas {
			nodes = append(nodes, c.Node(p.Name))
		}
		return true
	}, generous, 20*time.Millisecond)
	return nodes
}

// watchFrom begins a watch that is connected to one node, and has settled. On a busy machine the short pings may lose that
// node before anything happens to it: then it begins anew.
func watchFrom(t *testing.T, c *jstest.Cluster, first *jstest.Broker, want map[string]string) (*nats.Conn, *watched) {
	t.Helper()
	for end := time.Now().Add(generous); ; {
		nc := connectFirst(c, first)
		w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys(healingKey, "groups.*"), retry.WithAttemptTimeout(time.Second))
		w.requireFresh(want)
		w.requireSettled()
		if nc.ConnectedServerName() == first.Name() {
			return nc, w
		}
		require.True(t, time.Now().Before(end), "not connected to the node")
		w.end()
		nc.Close()
	}
}

// connectFirst is a connection to one node that may use them all. Its pings find a frozen node.
func connectFirst(c *jstest.Cluster, first *jstest.Broker) *nats.Conn {
	return c.Connect(nats.PingInterval(200*time.Millisecond), nats.MaxPingsOutstanding(2), nats.Timeout(time.Second), nats.RetryOnFailedConnect(true), func(o *nats.Options) error {
		o.Servers = slices.DeleteFunc(o.Servers, func(url string) bool { return url == first.URL() })
		o.Servers = append([]string{first.URL()}, o.Servers...)
		return nil
	}, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

// putInBucket writes until it is acknowledged: during an election nobody answers.
func putInBucket(t *testing.T, kv jetstream.KeyValue, key, value string) (attempts int) {
	t.Helper()
	require.Eventually(t, func() bool {
		attempts++
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := kv.PutString(ctx, key, value)
		return err == nil
	}, generous, 100*time.Millisecond)
	return attempts
}
