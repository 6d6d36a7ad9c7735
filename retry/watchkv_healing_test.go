package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// kvPatient is one watch of a bucket with ten revisions, a bad network between it and its broker, and another client that
// changes the bucket without that network.
type kvPatient struct {
	*watched
	broker *jstest.Broker
	proxy  *jstest.Proxy
	nc     *nats.Conn
	maker  jetstream.JetStream
	kv     jetstream.KeyValue

	mu        sync.Mutex
	connected time.Time // last
	missing   int       // reads that found no bucket
	failed    int
}

const healingKey = "global"

func newKVPatient(t *testing.T, brokerOpts []jstest.BrokerOption, natsOpts []nats.Option, opts ...retry.Option) *kvPatient {
	t.Helper()
	p := &kvPatient{broker: jstest.StartBroker(t, brokerOpts...)}
	p.proxy = jstest.StartProxy(t, p.broker.URL())
	p.maker = p.broker.JetStream(nats.UserInfo("maker", "m"))
	p.make(t)
	for i := range 10 {
		putKeys(t, p.kv, fmt.Sprintf("groups.%d", i%2), "old")
	}
	nc, err := nats.Connect(p.proxy.URL(), append([]nats.Option{
		nats.UserInfo("agent", "a"), nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.PingInterval(10 * time.Second), // as [jstest.Broker.Connect]
		nats.Timeout(time.Second), nats.RetryOnFailedConnect(true), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.ReconnectHandler(func(*nats.Conn) { p.note() }),
	}, natsOpts...)...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	p.nc, p.connected = nc, time.Now()
	opts = append([]retry.Option{retry.WithOnAttempt(p.attempt)}, opts...)
	p.watched = watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys(healingKey, "groups.*"), opts...)
	p.requireFresh(oldView)
	p.requireSettled()
	return p
}

func (p *kvPatient) note() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected = time.Now()
}

func (p *kvPatient) attempt(a retry.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(a.Err, jetstream.ErrBucketNotFound) {
		p.missing++
	}
	if a.Err != nil {
		p.failed++
	}
}

func (p *kvPatient) counts() (missing, failed int, connected time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missing, p.failed, p.connected
}

// make creates the bucket as soon as the broker lets it.
func (p *kvPatient) make(t *testing.T) {
	t.Helper()
	kv, err := retry.Forever(within(t), "bucket", func(ctx context.Context) (jetstream.KeyValue, error) {
		return p.maker.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "settings", History: 5})
	}, retry.WithBackoff(retry.Backoff{Min: 10 * time.Millisecond, Factor: 1}), retry.WithAttemptTimeout(time.Second))
	require.NoError(t, err)
	p.kv = kv
}

// put writes the value that is to be seen, as soon as the broker lets it.
func (p *kvPatient) put(t *testing.T, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		_, err := retry.Forever(within(t), "put", func(ctx context.Context) (uint64, error) {
			return p.kv.PutString(ctx, pairs[i], pairs[i+1])
		}, retry.WithBackoff(retry.Backoff{Min: 10 * time.Millisecond, Factor: 1}), retry.WithAttemptTimeout(time.Second))
		require.NoError(t, err)
	}
}

func (p *kvPatient) remove(t *testing.T) {
	t.Helper()
	require.NoError(t, p.maker.DeleteKeyValue(within(t), "settings"))
}

func (p *kvPatient) requireMissed(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { missing, _, _ := p.counts(); return missing > 0 }, generous, time.Millisecond)
}

func (p *kvPatient) requireFailed(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { _, failed, _ := p.counts(); return failed > 0 }, generous, time.Millisecond)
}

// oldView is what every kvPatient has seen before something happens to it.
var oldView = holds("groups.0", "old", "groups.1", "old")

// kvHealing is one thing that happens. heal returns when the value to be seen is there and the broker can be used.
type kvHealing struct {
	name     string
	heal     func(t *testing.T, p *kvPatient) (usable time.Time)
	want     map[string]string
	requests int // that it may take
	broker   []jstest.BrokerOption
	nats     []nats.Option
	opts     []retry.Option
}

// shortChecks makes a row that rests on the check short.
var shortChecks = []retry.Option{retry.WithCheckInterval(2*time.Second, 500*time.Millisecond)}

func users(agent string) []jstest.BrokerOption {
	return []jstest.BrokerOption{jstest.WithConfig(`authorization { users: [ {user: maker, password: m}, {user: agent, password: a, permissions: {` +
		agent + `}} ] }`)}
}

const (
	// leastPrivilege is what DirectReader says that it needs for this view, and nothing else.
	allowGet       = `publish: {allow: ["$JS.API.DIRECT.GET.KV_settings"]}`
	allowGetByKey  = `publish: {allow: ["$JS.API.DIRECT.GET.KV_settings.>"]}`
	allowHints     = `, subscribe: {allow: ["_INBOX.>", "$KV.settings.global", "$KV.settings.groups.*"]}`
	allowInboxOnly = `, subscribe: {allow: ["_INBOX.>"]}`
)

func restartKV(end func(*jstest.Broker), wipe bool) func(*testing.T, *kvPatient) time.Time {
	return func(t *testing.T, p *kvPatient) time.Time {
		t.Helper()
		putKeys(t, p.kv, healingKey, "new")
		p.requireFresh(holds(healingKey, "new", "groups.0", "old", "groups.1", "old"))
		end(p.broker)
		p.requireStale(holds(healingKey, "new", "groups.0", "old", "groups.1", "old"))
		if wipe {
			p.broker.Wipe()
		}
		p.broker.Start()
		return time.Now()
	}
}

var withNewAlone = holds(healingKey, "new")

var withNew = holds(healingKey, "new", "groups.0", "old", "groups.1", "old")

// kvHealings are the rows of the package documentation's table that concern buckets.
var kvHealings = []kvHealing{
	{name: "A restart, orderly, with data", heal: restartKV((*jstest.Broker).Stop, false), want: withNew, requests: 4},
	{name: "B restart, killed, with data", heal: restartKV((*jstest.Broker).Kill, false), want: withNew, requests: 4},
	{name: "C restart without data, created later", want: holds(healingKey, "again"), requests: 12, heal: func(t *testing.T, p *kvPatient) time.Time {
		restartKV((*jstest.Broker).Kill, true)(t, p)
		p.requireMissed(t)
		p.make(t)
		p.put(t, healingKey, "again")
		return time.Now()
	}},
	{name: "D restart without data, created before the reconnect", want: holds(healingKey, "again"), requests: 4, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.proxy.Freeze()
		p.broker.Kill()
		p.broker.Wipe()
		p.broker.Start()
		p.make(t)
		p.put(t, healingKey, "again")
		p.proxy.Cut()
		p.proxy.Thaw()
		return time.Now()
	}},
	{name: "E re-created while connected, fewer revisions", want: holds(healingKey, "again"), requests: 8, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.remove(t)
		p.make(t)
		p.put(t, healingKey, "again")
		return time.Now()
	}},
	{name: "E re-created while connected, same revisions and keys", want: holds("groups.0", "again", "groups.1", "again"), requests: 12, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.remove(t)
		p.make(t)
		for i := range 10 {
			p.put(t, fmt.Sprintf("groups.%d", i%2), "again")
		}
		return time.Now()
	}},
	{name: "E re-created while connected, more revisions, other keys", want: withNewAlone, requests: 16, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.remove(t)
		p.make(t)
		for i := range 20 {
			p.put(t, fmt.Sprint("pcs.", i), "unwatched")
		}
		p.put(t, healingKey, "new")
		return time.Now()
	}, opts: shortChecks},
	{name: "E same revisions and keys, unheard: only the check can tell", want: holds("groups.0", "again", "groups.1", "again"), requests: 16, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.remove(t)
		p.make(t)
		for i := range 10 {
			p.put(t, fmt.Sprintf("groups.%d", i%2), "again")
		}
		return time.Now()
	}, broker: users(allowGet + allowInboxOnly), opts: shortChecks},
	{name: "F deleted, created later", want: holds(healingKey, "again"), requests: 16, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.remove(t)
		p.requireMissed(t)
		p.requireStale(oldView)
		p.make(t)
		p.put(t, healingKey, "again")
		return time.Now()
	}, opts: shortChecks},
	{name: "H frozen for a moment", want: withNew, requests: 12, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.broker.Pause()
		p.requireFailed(t)
		p.requireStale(oldView)
		p.broker.Resume()
		p.put(t, healingKey, "new")
		return time.Now()
	}, opts: append([]retry.Option{retry.WithAttemptTimeout(300 * time.Millisecond)}, shortChecks...)},
	{name: "I frozen until the ping notices", want: withNew, requests: 12, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.broker.Pause()
		require.Eventually(t, func() bool { return !p.nc.IsConnected() }, generous, time.Millisecond)
		p.requireStale(oldView)
		p.broker.Resume()
		p.put(t, healingKey, "new")
		return time.Now()
	}, nats: []nats.Option{nats.PingInterval(200 * time.Millisecond), nats.MaxPingsOutstanding(2)}},
	{name: "connection cut", want: withNew, requests: 6, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.put(t, healingKey, "new")
		p.proxy.Cut()
		return time.Now()
	}},
	{name: "network delays everything by 200 ms", want: withNew, requests: 6, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.proxy.Delay(200 * time.Millisecond)
		p.put(t, healingKey, "new")
		return time.Now()
	}},
	{name: "network swallows everything, then is cut", want: withNew, requests: 14, heal: func(t *testing.T, p *kvPatient) time.Time {
		p.proxy.LoseReplies()
		p.put(t, healingKey, "new")
		p.requireFailed(t)
		p.requireStale(oldView)
		p.proxy.Cut()
		return time.Now()
	}, opts: append([]retry.Option{retry.WithAttemptTimeout(300 * time.Millisecond)}, shortChecks...)},
	{name: "least privilege", want: withNew, requests: 5, heal: putNew, broker: users(allowGet + allowHints)},
	{name: "$KV subscription denied", want: withNew, requests: 12, heal: putNew, broker: users(allowGet + allowInboxOnly), opts: shortChecks},
}

func putNew(t *testing.T, p *kvPatient) time.Time {
	t.Helper()
	p.put(t, healingKey, "new")
	return time.Now()
}

func TestWatchKVHealsFromWhateverHappens(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	rows := make([]string, len(kvHealings))
	t.Cleanup(func() {
		t.Logf("\n%-56s %12s %12s %9s\n%s", "what happened", "usable→value", "conn→value", "requests", strings.Join(rows, "\n"))
	})
	for i, h := range kvHealings {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			p := newKVPatient(t, h.broker, h.nats, h.opts...)
			before := len(p.src.sent())
			usable := h.heal(t, p)
			p.requireFresh(h.want)
			_, _, seen := p.last()
			took := len(p.src.sent()) - before
			_, _, connected := p.counts()
			require.LessOrEqual(t, took, h.requests, "requests: %q", p.src.sent()[before:])
			mu.Lock()
			defer mu.Unlock()
			rows[i] = fmt.Sprintf("%-56s %12s %12s %9d", h.name, seen.Sub(usable).Round(time.Millisecond),
				seen.Sub(connected).Round(time.Millisecond), took)
		})
	}
}

// A view lives through many restarts of its broker: nothing may add up, here or there. It runs alone, for the sake of the
// heap, which is the whole process's.
func TestWatchKVDoesNotGrowOverRestarts(t *testing.T) {
	restarts := *restartsFlag
	b := jstest.StartBroker(t)
	js := b.JetStream()
	kv := createSettings(t, js, 1)
	var w *watched
	var nc *nats.Conn
	mark(t, func() {
		nc = b.Connect()
		_, err := nc.Request("nobody", nil, generous) // makes the subscription for answers, which stays
		require.ErrorIs(t, err, nats.ErrNoResponders)
		w = watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys(healingKey, "groups.*"))
	})
	round := func(n int) {
		b.Kill()
		b.Start()
		putInBucket(t, kv, healingKey, fmt.Sprint(n))
		w.requireFresh(holds(healingKey, fmt.Sprint(n)))
	}
	for n := range restarts / 10 {
		round(n)
	}
	goroutines, subscriptions, heap := marked(t), nc.NumSubscriptions(), settled()
	sent := len(w.src.sent())
	for n := restarts / 10; n < restarts; n++ {
		round(n)
	}
	sent = len(w.src.sent()) - sent
	require.Eventually(t, func() bool { return marked(t) <= goroutines }, generous, 10*time.Millisecond, "goroutines: %d → %d", goroutines, marked(t))
	require.Eventually(t, func() bool { return nc.NumSubscriptions() <= subscriptions }, generous, 10*time.Millisecond, "subscriptions, but for one of a read under way")
	var after uint64
	require.Eventually(t, func() bool { after = settled(); return after < heap+8<<20 }, generous, time.Second, "heap: %d KiB and then too much", heap>>10)
	stream, err := js.Stream(within(t), "KV_settings")
	require.NoError(t, err)
	require.Zero(t, stream.CachedInfo().State.Consumers)
	t.Logf("%d restarts: goroutines %d → %d, heap %d → %d KiB, %d subscriptions, %d requests in the last %d", restarts, goroutines, marked(t), heap>>10, after>>10, subscriptions, sent, restarts-restarts/10)
	require.LessOrEqual(t, sent, 8*(restarts-restarts/10))
}
