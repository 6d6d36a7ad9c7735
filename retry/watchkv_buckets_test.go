package retry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Whoever may write to a bucket can make keys that nats.go would refuse. They are in the view and do it no harm.
func TestWatchKVBearsHostileKeys(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	failures := make(chan error, 100)
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys(">"), never(), retry.WithOnAttempt(func(a retry.Attempt) {
		if a.Err != nil {
			failures <- a.Err
		}
	}))
	w.requireFresh(holds())
	want := holds()
	for _, key := range []string{"größe", "a$b", "x\x01y", `a'b"`, "a*b", "a>b", "\u202e", "%s", "a.*b.c", strings.Repeat("k", 3000)} {
		_, err := js.Publish(within(t), "$KV.settings."+key, []byte(key))
		require.NoError(t, err)
		want[key] = key
		w.requireFresh(want)
	}
	want["a"] = "1"
	putKeys(t, kv, "a", "1")
	w.requireFresh(want)
	require.Empty(t, failures)
}

// A key that expires ends with a marker of the server where the bucket asks for one, and without a trace otherwise.
func TestWatchKVSeesKeysExpire(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	nc := broker.Connect()
	for name, cfg := range map[string]jetstream.KeyValueConfig{
		"markers":    {Bucket: "markers", LimitMarkerTTL: time.Second, History: 5},
		"no_markers": {Bucket: "no_markers", TTL: 2 * time.Second, History: 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kv, err := js.CreateKeyValue(within(t), cfg)
			require.NoError(t, err)
			w := watch(t, retry.FromNATS(nc), name, retry.FixedKeys(">"), retry.WithCheckInterval(500*time.Millisecond, 500*time.Millisecond))
			for try, seen := 0, 0; seen < 3; try++ {
				require.Less(t, try, 20, "seen %d times only", seen)
				want := holds("a", fmt.Sprint(try))
				if cfg.LimitMarkerTTL > 0 {
					_, err = kv.Create(within(t), "a", fmt.Append(nil, try), jetstream.KeyTTL(time.Second))
				} else {
					_, err = kv.PutString(within(t), "a", fmt.Sprint(try))
				}
				require.NoError(t, err)
				require.Eventually(t, func() bool { // a busy machine may look when the key is gone
					_, err := kv.Get(t.Context(), "a")
					return w.told(want) || errors.Is(err, jetstream.ErrKeyNotFound)
				}, generous, 10*time.Millisecond)
				if w.told(want) {
					seen++
				}
				w.requireFresh(holds())
			}
		})
	}
}

// What is gone from the end of a stream looks like an answer that is behind: one question to the leader settles it.
func TestWatchKVBearsThatTheNewestMessageVanishes(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 64)
	putKeys(t, kv, "a", "1", "b", "2")
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys(">"), retry.WithCheckInterval(time.Second, time.Second))
	w.requireFresh(holds("a", "1", "b", "2"))
	require.NoError(t, kv.Delete(within(t), "b"))
	w.requireFresh(holds("a", "1"))
	require.NoError(t, kv.PurgeDeletes(within(t), jetstream.DeleteMarkersOlderThan(-1)))
	putKeys(t, kv, "c", "3")
	w.requireFresh(holds("a", "1", "c", "3"))
	stream, err := js.Stream(within(t), "KV_settings")
	require.NoError(t, err)
	before, began := len(w.src.sent()), time.Now()
	require.NoError(t, stream.Purge(within(t), jetstream.WithPurgeSubject("$KV.settings.c")))
	w.requireFresh(holds("a", "1"))
	checks := int(time.Since(began) / (750 * time.Millisecond)) // the interval is up to a quarter shorter
	require.LessOrEqual(t, len(w.src.sent())-before, 4+checks)
	require.NoError(t, stream.Purge(within(t)))
	w.requireFresh(holds())
}

// Large values come page by page; a view that would be too large stays what it was, and does not cost a read of all for
// every write.
func TestWatchKVRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithMaxPayload(2<<20))
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	failures := make(chan retry.Attempt, 100)
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys(">"), retry.WithOnAttempt(func(a retry.Attempt) {
		if a.Err != nil {
			failures <- a
		}
	}), retry.WithCheckInterval(time.Second, time.Second))
	value, want := strings.Repeat("x", 1<<20), holds()
	for i := range 30 {
		key := fmt.Sprint("k", i)
		putKeys(t, kv, key, value)
		want[key] = value
	}
	w.requireFresh(want)
	for i := 30; i < retry.MaxViewBytes>>20; i++ {
		putKeys(t, kv, fmt.Sprint("k", i), value)
	}
	a := <-failures
	require.ErrorIs(t, a.Err, retry.ErrViewTooLarge)
	require.Greater(t, a.Wait, 7*time.Minute)
	before := len(w.src.sent())
	for range 20 {
		putKeys(t, kv, "k1", value)
	}
	require.LessOrEqual(t, len(w.src.sent())-before, 1)
	v, _, _ := w.last()
	require.NotZero(t, v.Stale)
	require.GreaterOrEqual(t, len(v.Entries), 30)
}

// A mirror answers for its origin, and may be behind it. By its own name it has no keys: their subjects are the origin's.
func TestWatchKVOfABucketThatIsMirrored(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	_, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "copy", Mirror: &jetstream.StreamSource{Name: "settings"}})
	require.NoError(t, err)
	nc := broker.Connect()
	w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys("global"), never(), retry.WithHintSpread(0))
	w.requireFresh(holds())
	before := len(w.src.sent())
	const puts = 5
	for i := range puts {
		putKeys(t, kv, "global", fmt.Sprint(i))
		w.requireFresh(holds("global", fmt.Sprint(i)))
	}
	took := len(w.src.sent()) - before
	t.Logf("%d puts: %d requests", puts, took)
	require.LessOrEqual(t, took, 4*puts)
	watch(t, retry.FromNATS(nc), "copy", retry.FixedKeys(">")).requireFresh(holds())
}
