//go:build unix

package agent_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	// restTime has every periodic check many times; it costs a second of real time.
	restTime = 2 * time.Hour
	// pullRate is what nats.go adds for the durable consumer, of which the fake knows
	// nothing: a pull expires after 30 s.
	pullRate = 1.0 / 30
)

// TestAnAgentAtRest counts what an agent sends while nothing happens, over hours of
// virtual time, in which the host facts of Windows do not live. TestAHerd looks for
// seconds only, in which no check may be due.
func TestAnAgentAtRest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		count := &tally{sent: map[string]int{}}
		stop := restingAgent(t, dir, count)
		time.Sleep(10 * time.Minute) // the first reads and those that make sure
		before := count.now()
		time.Sleep(restTime)
		after := count.now()
		stop()

		sum := 0
		var table strings.Builder
		for _, subject := range slices.Sorted(maps.Keys(after)) {
			if n := after[subject] - before[subject]; n > 0 {
				sum += n
				fmt.Fprintf(&table, "%6d × %s\n", n, subject)
			}
		}
		rate := float64(sum)/restTime.Seconds() + pullRate
		t.Logf("%d requests in %v, %.3f/s with the pulls:\n%s", sum, restTime, rate, &table)
		require.LessOrEqual(t, rate, restRate)
		for _, bucket := range []string{wire.BucketAgentGroups, wire.BucketAgentConfig, wire.BucketScriptCurrent, wire.BucketScriptStatus} {
			checks := after["$JS.API.DIRECT.GET.KV_"+bucket] - before["$JS.API.DIRECT.GET.KV_"+bucket]
			require.InDelta(t, restTime.Minutes(), checks, restTime.Minutes()/2, "checks of %s, one a minute", bucket)
		}
	})
}

// restingAgent runs an agent whose buckets have its rows.
func restingAgent(t *testing.T, dir string, count *tally) (stop func()) {
	t.Helper()
	fake := jstest.NewFake()
	js := fake.JetStream()
	for _, cfg := range streamConfigs() {
		_, err := js.CreateStream(t.Context(), cfg)
		require.NoError(t, err)
	}
	for _, cfg := range bucketConfigs() {
		kv, err := js.CreateOrUpdateKeyValue(t.Context(), cfg)
		require.NoError(t, err)
		if cfg.Bucket == wire.BucketAgentGroups {
			_, err = kv.Put(t.Context(), pcID, wire.AgentGroups{Groups: []string{herdGroup}}.Encode())
			require.NoError(t, err)
		}
	}
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = pcID, dir
	client := fake.NewClient()
	_, stop = startAgent(t, cfg, agent.WithLogger(slog.New(slog.DiscardHandler)),
		agent.WithTransport(countedConn{client.Conn(), count}, countedJetStream{client.JetStream(), count}))
	return stop
}

// tally counts messages by their subject, or by what asks for one.
type tally struct {
	mu   sync.Mutex
	sent map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[what]++
}

func (c *tally) now() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.sent)
}

type countedConn struct {
	*jstest.Conn
	count *tally
}

func (c countedConn) Publish(m *nats.Msg) error {
	c.count.add(m.Subject)
	return c.Conn.Publish(m)
}

func (c countedConn) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	c.count.add(m.Subject)
	return c.Conn.Request(ctx, m)
}

func (c countedConn) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	c.count.add(m.Subject)
	return c.Conn.RequestMany(ctx, m)
}

type countedJetStream struct {
	*jstest.JetStream
	count *tally
}

func (js countedJetStream) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	js.count.add("look up bucket " + bucket)
	return js.JetStream.KeyValue(ctx, bucket)
}

func (js countedJetStream) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	js.count.add("look up stream " + name)
	return js.JetStream.Stream(ctx, name)
}

func (js countedJetStream) ObjectStore(ctx context.Context, bucket string) (jetstream.ObjectStore, error) {
	js.count.add("look up object store " + bucket)
	return js.JetStream.ObjectStore(ctx, bucket)
}

func (js countedJetStream) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	js.count.add("make consumer " + cfg.Durable)
	return js.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
}

func (js countedJetStream) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	js.count.add("look up consumer " + name)
	return js.JetStream.Consumer(ctx, stream, name)
}

func (js countedJetStream) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	js.count.add(m.Subject)
	return js.JetStream.PublishMsg(ctx, m, opts...)
}

var (
	_ retry.Transport = countedConn{}
	_ agent.JetStream = countedJetStream{}
)
