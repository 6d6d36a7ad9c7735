package retry_test

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// counted is a Transport that counts what it asks of the server, and passes on the abilities of the one below.
type counted struct {
	retry.Transport
	mu       sync.Mutex
	requests []string // subject and body
}

func (c *counted) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	c.note(m)
	return c.Transport.Request(ctx, m)
}

func (c *counted) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	c.note(m)
	return c.Transport.RequestMany(ctx, m)
}

func (c *counted) note(m *nats.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, m.Subject+" "+string(m.Data))
}

func (c *counted) Flush(ctx context.Context) error {
	if f, ok := c.Transport.(interface{ Flush(context.Context) error }); ok {
		return f.Flush(ctx)
	}
	return nil
}

func (c *counted) OnDenied(h func(retry.Denial)) func() {
	if n, ok := c.Transport.(interface {
		OnDenied(func(retry.Denial)) func()
	}); ok {
		return n.OnDenied(h)
	}
	return func() {}
}

func (c *counted) Closed() <-chan struct{} {
	if n, ok := c.Transport.(interface{ Closed() <-chan struct{} }); ok {
		return n.Closed()
	}
	return nil
}

// sent returns the requests so far.
func (c *counted) sent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// watched is a WatchKV that runs, and what it has told.
type watched struct {
	t     *testing.T
	src   *counted
	end   context.CancelFunc
	err   chan error
	mu    sync.Mutex
	views []retry.View
	at    []time.Time
}

func watch(t *testing.T, tr retry.Transport, bucket string, keys retry.Keys, opts ...retry.Option) *watched {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	w := &watched{t: t, src: &counted{Transport: tr}, end: end, err: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.err <- retry.WatchKV(ctx, retry.NewKVReader(w.src), bucket, keys, w.take, opts...)
	}()
	t.Cleanup(func() { end(); <-ended })
	return w
}

func (w *watched) take(v retry.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.views, w.at = append(w.views, v), append(w.at, time.Now())
}

// last returns the last view, how many there were, and when it came.
func (w *watched) last() (v retry.View, n int, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.views) == 0 {
		return retry.View{}, 0, time.Time{}
	}
	return w.views[len(w.views)-1], len(w.views), w.at[len(w.at)-1]
}

// told reports that there was a fresh view with these values.
func (w *watched) told(want map[string]string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.views, func(v retry.View) bool { return v.Stale.IsZero() && maps.Equal(values(v), want) })
}

// values are the contents of a view, by key.
func values(v retry.View) map[string]string {
	all := map[string]string{}
	for key, e := range v.Entries {
		all[key] = string(e.Value)
	}
	return all
}

// requireFresh waits for a fresh view with these values.
func (w *watched) requireFresh(want map[string]string) {
	w.t.Helper()
	w.require("fresh", func(v retry.View) bool { return v.Stale.IsZero() && maps.Equal(values(v), want) })
}

// requireStale waits for a stale view with these values.
func (w *watched) requireStale(want map[string]string) retry.View {
	w.t.Helper()
	return w.require("stale", func(v retry.View) bool { return !v.Stale.IsZero() && maps.Equal(values(v), want) })
}

func (w *watched) require(what string, is func(retry.View) bool) retry.View {
	w.t.Helper()
	deadline := time.Now().Add(generous)
	for time.Now().Before(deadline) {
		if v, n, _ := w.last(); n > 0 && is(v) {
			return v
		}
		select {
		case err := <-w.err:
			require.FailNow(w.t, "the watch has ended", "%v", err)
		case <-time.After(time.Millisecond):
		}
	}
	v, n, _ := w.last()
	require.FailNow(w.t, "not "+what, "view %d: stale since %v, %v\nrequests: %q", n, v.Stale, values(v), w.src.sent())
	return v
}

// requireSettled waits for the second read of a watch, which follows the first one at once.
func (w *watched) requireSettled() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.src.sent()) >= 2 }, generous, time.Millisecond)
}

func createSettings(t *testing.T, js jetstream.JetStream, history uint8) jetstream.KeyValue {
	t.Helper()
	kv, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "settings", History: history})
	require.NoError(t, err)
	return kv
}

func putKeys(t *testing.T, kv jetstream.KeyValue, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		_, err := kv.PutString(within(t), pairs[i], pairs[i+1])
		require.NoError(t, err)
	}
}

// holds is the contents of a view.
func holds(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// changingKeys is a retry.Keys that a test changes.
type changingKeys struct {
	mu       sync.Mutex
	patterns []string
	changed  chan struct{}
}

func newChangingKeys(patterns ...string) *changingKeys {
	return &changingKeys{patterns: patterns, changed: make(chan struct{})}
}

func (k *changingKeys) get() ([]string, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.patterns, k.changed
}

func (k *changingKeys) set(patterns ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.changed)
	k.patterns, k.changed = patterns, make(chan struct{})
}
