package agent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// clustered is an agent at three brokers that keep everything three times.
type clustered struct {
	*backend
	cluster *jstest.Cluster
	agent   *agent.Agent

	mu  sync.Mutex
	ran map[string][]time.Time // by request
}

func newClustered(t *testing.T) *clustered {
	t.Helper()
	c := &clustered{cluster: jstest.StartCluster(t, 3), ran: map[string][]time.Time{}}
	nc := c.cluster.Connect()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(answerTime))
	require.NoError(t, err)
	c.backend = &backend{t: t, nc: nc, js: js}
	for _, cfg := range streamConfigs() {
		cfg.Replicas = 3
		c.persist(func(ctx context.Context) error {
			_, err := js.CreateOrUpdateStream(ctx, cfg)
			return err
		})
	}
	for _, cfg := range bucketConfigs() {
		cfg.Replicas = 3
		c.persist(func(ctx context.Context) error {
			_, err := js.CreateOrUpdateKeyValue(ctx, cfg)
			return err
		})
	}
	c.start()
	return c
}

func (c *clustered) start() {
	c.t.Helper()
	cfg := newConfig(c.t, "")
	cfg.Servers = strings.Split(c.cluster.URL(), ",")
	c.agent, _ = startAgent(c.t, cfg, agent.WithHandler("count", agent.HandlerFunc(func(_ context.Context, job agent.Job) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ran[job.Command.RequestID] = append(c.ran[job.Command.RequestID], time.Now())
		return nil
	}), agent.ReportInterrupted))
	ready(c.t, c.agent)
}

// persist does something until a cluster that may be electing takes it, and returns when it did.
func (c *clustered) persist(do func(context.Context) error) time.Time {
	c.t.Helper()
	var err error
	require.Eventually(c.t, func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		defer cancel()
		err = do(ctx)
		return err == nil
	}, patience, 50*time.Millisecond)
	return time.Now()
}

// command is stored once, however often the cluster is asked.
func (c *clustered) command(requestID string) time.Time {
	c.t.Helper()
	data, err := wire.Command{ID: "job", Version: "1", RequestID: requestID, Shell: "count", Script: "x", TimeoutSecs: 60}.Encode()
	require.NoError(c.t, err)
	return c.persist(func(ctx context.Context) error {
		_, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: wire.CommandsPC(pcID), Data: data, Header: nats.Header{nats.MsgIdHdr: {requestID}}})
		return err
	})
}

func (c *clustered) put(bucket, key string, value []byte) (revision uint64, at time.Time) {
	c.t.Helper()
	at = c.persist(func(ctx context.Context) error {
		kv, err := c.js.KeyValue(ctx, bucket)
		if err == nil {
			revision, err = kv.Put(ctx, key, value)
		}
		return err
	})
	return revision, at
}

func (c *clustered) eventually(what string, is func(agent.Status) bool) time.Time {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return is(c.agent.Status()) }, patience, 5*time.Millisecond, what)
	return time.Now()
}

func (c *clustered) runs(requestID string) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ran[requestID])
}

// leader is the node that leads a stream which has all its replicas.
func (c *clustered) leader(stream string) (node *jstest.Broker) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		defer cancel()
		s, err := c.js.Stream(ctx, stream)
		if err != nil {
			return false
		}
		info := s.CachedInfo().Cluster
		if info == nil || info.Leader == "" || slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current }) {
			return false
		}
		node = c.cluster.Node(info.Leader)
		return true
	}, patience, 50*time.Millisecond, "%s has no leader, or not all replicas", stream)
	return node
}

// connected is the node that the agent is connected to; nil: to none, at this moment.
func (c *clustered) connected() *jstest.Broker {
	server := c.agent.Status().Server
	for _, node := range c.cluster.Nodes {
		if server != "" && strings.HasSuffix(server, strings.TrimPrefix(node.URL(), "nats:")) {
			return node
		}
	}
	return nil
}

// standing is the node that the agent is connected to, once it is.
func (c *clustered) standing() (node *jstest.Broker) {
	c.t.Helper()
	c.eventually("not connected", func(agent.Status) bool { node = c.connected(); return node != nil })
	return node
}

// A cluster loses a node, and with it leaders or the agent's connection: the agent goes on by itself.
func TestAnAgentInAClusterThatLosesANode(t *testing.T) {
	t.Parallel()
	c := newClustered(t)
	rows := []string{fmt.Sprintf("%-36s %16s %16s %16s", "killed", "connected after", "stored → run", "put → current")}
	defer func() { t.Log("\n" + strings.Join(rows, "\n")) }()
	for i, event := range []struct {
		what string
		node func() *jstest.Broker
	}{
		{"leader of the commands' stream", func() *jstest.Broker { return c.leader(wire.StreamExec) }},
		{"leader of the settings' bucket", func() *jstest.Broker { return c.leader(wire.BucketStream(wire.BucketAgentConfig)) }},
		{"the node that we are connected to", func() *jstest.Broker { c.leader(wire.StreamExec); return c.standing() }},
	} {
		node := event.node()
		request, killed := fmt.Sprint("request-", i), time.Now()
		node.Kill()
		connected := c.eventually("not connected", func(agent.Status) bool { now := c.connected(); return now != nil && now != node })
		stored := c.command(request)
		c.eventually("has no result", func(s agent.Status) bool { // between its run and its result nothing is pending
			return s.Results.Sent > uint64(i) && s.Results.Pending+s.Commands.Running+s.Commands.Waiting == 0
		})
		jitter := fmt.Sprintf("%dm", i+1)
		revision, put := c.put(wire.BucketAgentConfig, wire.ConfigKeyPC(pcID), wire.ConfigScope{TargetVersionJitter: &jitter}.Encode())
		current := c.eventually("settings are not current", func(s agent.Status) bool { return hasConfig(c.agent, revision) })
		node.Start()
		rows = append(rows, fmt.Sprintf("%-36s %16s %16s %16s", event.what, connected.Sub(killed).Round(time.Millisecond),
			max(c.runs(request)[0].Sub(stored), 0).Round(time.Millisecond), current.Sub(put).Round(time.Millisecond)))
	}
	c.leader(wire.StreamResults)
	for i := range 3 {
		request := fmt.Sprint("request-", i)
		require.Len(t, c.runs(request), 1, request)
		require.Len(t, c.results(request), 1, request)
	}
	c.leader(wire.StreamExec)
	stream, err := c.js.Stream(t.Context(), wire.StreamExec)
	require.NoError(t, err)
	require.Equal(t, 1, stream.CachedInfo().State.Consumers)
}
