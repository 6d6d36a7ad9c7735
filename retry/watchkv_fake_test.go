package retry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// onFake runs a test on virtual time, with a watch of a bucket of the fake.
func onFake(t *testing.T, wrap func(retry.Transport) retry.Transport, opts []retry.Option, run func(t *testing.T, f *jstest.Fake, kv jetstream.KeyValue, w *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := jstest.NewFake()
		kv, err := f.NewClient().JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings"})
		require.NoError(t, err)
		tr := retry.Transport(f.Conn())
		if wrap != nil {
			tr = wrap(tr)
		}
		w := watch(t, tr, "settings", retry.FixedKeys("global", "groups.*"), opts...)
		time.Sleep(time.Minute) // virtual: settled
		synctest.Wait()
		run(t, f, kv, w)
	})
}

func TestWatchKVAtRestCostsLittle(t *testing.T) {
	t.Parallel()
	onFake(t, nil, nil, func(t *testing.T, _ *jstest.Fake, kv jetstream.KeyValue, w *watched) {
		before := len(w.src.sent())
		const hours = 10
		time.Sleep(hours * time.Hour)
		rate := float64(len(w.src.sent())-before) / (hours * 3600)
		t.Logf("%.4f requests/s at rest", rate)
		require.Less(t, rate, 0.05)
		require.Greater(t, rate, 1.0/61)
		_, n, _ := w.last()
		require.Equal(t, 1, n, "told once")

		before = len(w.src.sent())
		_, err := kv.PutString(t.Context(), "global", "1")
		require.NoError(t, err)
		time.Sleep(time.Second)
		var reads []string
		for _, r := range w.src.sent()[before:] { // a check may be among them
			if strings.Contains(r, "last_by_subj") {
				reads = append(reads, r)
			}
		}
		require.Len(t, reads, 1, "one put is one small read")
		v, _, _ := w.last()
		require.Equal(t, holds("global", "1"), values(v))
	})
}

func TestWatchKVAtRestCostsLittleWithoutABucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, jstest.NewFake().Conn(), "settings", retry.FixedKeys("global"))
		time.Sleep(10 * time.Minute)
		before := len(w.src.sent())
		time.Sleep(10 * time.Hour)
		rate := float64(len(w.src.sent())-before) / 36000
		t.Logf("%.4f requests/s without a bucket", rate)
		require.Less(t, rate, 0.05)
		require.Greater(t, rate, 1.0/100)
	})
}

func TestWatchKVSpreadsItsReads(t *testing.T) {
	t.Parallel()
	const spread = 10 * time.Second
	var after []time.Duration
	for range 40 {
		onFake(t, nil, []retry.Option{retry.WithReadSpread(spread), retry.WithHintSpread(spread)}, func(t *testing.T, f *jstest.Fake, kv jetstream.KeyValue, w *watched) {
			_, n, _ := w.last()
			_, err := kv.PutString(t.Context(), "global", "1")
			require.NoError(t, err)
			put := time.Now()
			time.Sleep(spread)
			synctest.Wait()
			_, got, at := w.last()
			require.Equal(t, n+1, got)
			after = append(after, at.Sub(put))
			f.Disconnect()
			synctest.Wait()
			f.Reconnect()
			reconnected := time.Now()
			time.Sleep(spread)
			synctest.Wait()
			v, _, at := w.last()
			require.Zero(t, v.Stale)
			after = append(after, at.Sub(reconnected))
		})
	}
	var early, late int
	for _, d := range after {
		if d < spread/2 {
			early++
		} else {
			late++
		}
	}
	require.Greater(t, early, 15, after)
	require.Greater(t, late, 15, after)
}

func TestWatchKVReadsItsOwnKeysAtOnce(t *testing.T) {
	t.Parallel()
	const spread = 10 * time.Second
	for range 20 {
		onFake(t, nil, []retry.Option{retry.WithHintSpread(spread, "groups.mine", "mine.>")}, func(t *testing.T, f *jstest.Fake, kv jetstream.KeyValue, w *watched) {
			_, told, _ := w.last()
			put := time.Now()
			_, err := kv.PutString(t.Context(), "global", "1")
			require.NoError(t, err)
			synctest.Wait()
			_, err = kv.PutString(t.Context(), "groups.mine", "1")
			require.NoError(t, err)
			synctest.Wait()
			v, n, at := w.last()
			require.True(t, at.Equal(put), "at once, although another key waits")
			require.Equal(t, told+1, n)
			require.Equal(t, holds("global", "1", "groups.mine", "1"), values(v), "what waits goes with it")

			f.Disconnect()
			synctest.Wait()
			f.Reconnect()
			time.Sleep(retry.DefaultReadSpread)
			synctest.Wait()
			v, _, _ = w.last()
			require.Zero(t, v.Stale, "the spread of hints is not that of reconnects")
		})
	}
}

func TestWatchKVListensForTheCreationOfAMissingBucketOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := jstest.NewFake()
		tr := &listening{Transport: f.Conn(), on: map[string]int{}}
		w := watch(t, tr, "settings", retry.FixedKeys("global"))
		const notice = "$JS.EVENT.ADVISORY.STREAM.CREATED.KV_settings"
		js := f.NewClient().JetStream()
		for range 3 {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			require.Equal(t, 1, tr.count(notice), "the bucket is missing")
			kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings"})
			require.NoError(t, err)
			_, err = kv.PutString(t.Context(), "global", "1")
			require.NoError(t, err)
			time.Sleep(time.Second)
			synctest.Wait()
			v, _, _ := w.last()
			require.Equal(t, holds("global", "1"), values(v))
			require.Zero(t, tr.count(notice), "the bucket is there")
			require.NoError(t, js.DeleteKeyValue(t.Context(), "settings"))
		}
	})
}

// listening counts the subscriptions that stand.
type listening struct {
	retry.Transport
	mu sync.Mutex
	on map[string]int
}

func (l *listening) count(subject string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on[subject]
}

func (l *listening) add(subject string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on[subject] += n
}

func (l *listening) Subscribe(subject string, pending int, h func(*nats.Msg)) (retry.Subscription, error) {
	sub, err := l.Transport.Subscribe(subject, pending, h)
	if err == nil {
		l.add(subject, 1)
	}
	return &listened{Subscription: sub, ended: sync.OnceFunc(func() { l.add(subject, -1) })}, err
}

type listened struct {
	retry.Subscription
	ended func()
}

func (s *listened) Stop() error {
	s.ended()
	return s.Subscription.Stop()
}

func TestWatchKVIsStaleSinceTheDisconnect(t *testing.T) {
	t.Parallel()
	onFake(t, nil, nil, func(t *testing.T, f *jstest.Fake, kv jetstream.KeyValue, w *watched) {
		time.Sleep(17 * time.Second)
		f.Disconnect()
		lost := time.Now()
		synctest.Wait()
		v, _, at := w.last()
		require.True(t, v.Stale.Equal(lost))
		require.True(t, at.Equal(lost), "told at once")
		before := len(w.src.sent())
		time.Sleep(100 * time.Hour)
		require.Len(t, w.src.sent(), before, "nothing is asked while disconnected")
		_, err := kv.PutString(t.Context(), "groups.a", "1")
		require.NoError(t, err)
		f.Reconnect()
		time.Sleep(retry.DefaultReadSpread)
		synctest.Wait()
		v, _, _ = w.last()
		require.Zero(t, v.Stale)
		require.Equal(t, holds("groups.a", "1"), values(v))
	})
}

func TestWatchKVIsStaleSinceTheFirstFailedRead(t *testing.T) {
	t.Parallel()
	onFake(t, nil, nil, func(t *testing.T, f *jstest.Fake, kv jetstream.KeyValue, w *watched) {
		f.Fail(jstest.OpRequest, nats.ErrTimeout, -1)
		time.Sleep(2 * time.Minute) // a check is due
		v, n, _ := w.last()
		require.NotZero(t, v.Stale)
		first := v.Stale
		time.Sleep(time.Hour)
		v, again, _ := w.last()
		require.True(t, v.Stale.Equal(first))
		require.Less(t, len(w.src.sent()), 120, "failures are spaced")
		require.Equal(t, n, again, "told once")
		f.Fail(jstest.OpRequest, nil, 0)
		_, err := kv.PutString(t.Context(), "global", "1") // the hint does not wait for the retry
		require.NoError(t, err)
		time.Sleep(time.Second)
		v, _, _ = w.last()
		require.Zero(t, v.Stale)
		require.Equal(t, holds("global", "1"), values(v))
	})
}

// lagging answers some requests for one message with what the same request was answered before.
type lagging struct {
	retry.Transport
	mu     sync.Mutex
	behind int // answers to come
	before map[string]*nats.Msg
}

func (l *lagging) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	reply, err := l.Transport.Request(ctx, m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.before[string(m.Data)]; old != nil && l.behind > 0 {
		l.behind--
		return old, err
	}
	l.before[string(m.Data)] = reply
	return reply, err
}

func (l *lagging) lag(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind = n
}

func TestWatchKVReadsAgainWhatIsBehindItsHint(t *testing.T) {
	t.Parallel()
	for behind, requests := range []int{1, 2, 3} {
		l := &lagging{before: map[string]*nats.Msg{}}
		wrap := func(t retry.Transport) retry.Transport { l.Transport = t; return l }
		onFake(t, wrap, []retry.Option{never()}, func(t *testing.T, _ *jstest.Fake, kv jetstream.KeyValue, w *watched) {
			for i := range 3 {
				l.lag(0)
				_, err := kv.PutString(t.Context(), "global", fmt.Sprint(i, " read"))
				require.NoError(t, err)
				time.Sleep(time.Second)
				before := len(w.src.sent())
				l.lag(behind)
				_, err = kv.PutString(t.Context(), "global", fmt.Sprint(i, " behind"))
				require.NoError(t, err)
				time.Sleep(time.Second)
				v, _, _ := w.last()
				require.Equal(t, holds("global", fmt.Sprint(i, " behind")), values(v))
				require.Equal(t, requests, len(w.src.sent())-before)
			}
		})
	}
}

func TestWatchKVReadsEverythingAfterManyHints(t *testing.T) {
	t.Parallel()
	onFake(t, nil, nil, func(t *testing.T, _ *jstest.Fake, kv jetstream.KeyValue, w *watched) {
		before := len(w.src.sent())
		want := map[string]string{}
		for i := range 500 {
			key := fmt.Sprintf("groups.%d", i)
			_, err := kv.PutString(t.Context(), key, "1")
			require.NoError(t, err)
			want[key] = "1"
		}
		time.Sleep(5 * time.Second)
		v, _, _ := w.last()
		require.Equal(t, want, values(v))
		require.LessOrEqual(t, len(w.src.sent())-before, 4)
	})
}

func TestWatchKVSlowsDownWhileHintsKeepComing(t *testing.T) {
	t.Parallel()
	onFake(t, nil, nil, func(t *testing.T, _ *jstest.Fake, kv jetstream.KeyValue, w *watched) {
		before := len(w.src.sent())
		for i := range 60_000 / 20 {
			_, err := kv.PutString(t.Context(), "global", fmt.Sprint(i))
			require.NoError(t, err)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		v, _, _ := w.last()
		require.Equal(t, holds("global", "2999"), values(v))
		took := len(w.src.sent()) - before
		t.Logf("3,000 puts within a minute: %d requests", took)
		require.Less(t, took, 100)
	})
}

// A key that is not watched any more does not come back by a hint that waited.
func TestWatchKVForgetsTheHintsOfKeysThatWereLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := jstest.NewFake()
		kv, err := f.NewClient().JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings"})
		require.NoError(t, err)
		keys := newChangingKeys("global", "groups.*")
		w := watch(t, f.Conn(), "settings", keys.get, retry.WithHintSpread(10*time.Second))
		putKeys(t, kv, "global", "1", "groups.a", "1")
		time.Sleep(time.Minute)
		for n := range 50 { // the spread is drawn
			putKeys(t, kv, "groups.a", fmt.Sprint(n))
			time.Sleep(time.Millisecond)
			keys.set("global")
			for range 120 {
				time.Sleep(100 * time.Millisecond)
				v, _, _ := w.last()
				require.NotContains(t, v.Entries, "groups.a")
			}
			keys.set("global", "groups.*")
			time.Sleep(time.Minute)
			v, _, _ := w.last()
			require.Contains(t, v.Entries, "groups.a")
		}
	})
}
