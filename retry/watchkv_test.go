package retry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// never keeps the periodic check out of a test.
func never() retry.Option { return retry.WithCheckInterval(time.Hour, time.Hour) }

func TestWatchKVFollowsTheKeys(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	putKeys(t, kv, "global", "1", "groups.a", "2", "pcs.me", "3", "pcs.other", "x")
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys("global", "groups.*", "pcs.me"), never())
	w.requireFresh(holds("global", "1", "groups.a", "2", "pcs.me", "3"))

	putKeys(t, kv, "global", "4", "pcs.other", "y")
	w.requireFresh(holds("global", "4", "groups.a", "2", "pcs.me", "3"))
	require.NoError(t, kv.Delete(within(t), "groups.a"))
	w.requireFresh(holds("global", "4", "pcs.me", "3"))
	require.NoError(t, kv.Purge(within(t), "pcs.me"))
	w.requireFresh(holds("global", "4"))
	putKeys(t, kv, "groups.b", "5")
	w.requireFresh(holds("global", "4", "groups.b", "5"))

	v, _, _ := w.last()
	e, err := kv.Get(within(t), "groups.b")
	require.NoError(t, err)
	require.Equal(t, e.Revision(), v.Entries["groups.b"].Revision)
	require.True(t, e.Created().Equal(v.Entries["groups.b"].Created))

	info, err := js.Stream(within(t), "KV_settings")
	require.NoError(t, err)
	require.Zero(t, info.CachedInfo().State.Consumers, "nothing is kept on the server")
	w.end()
	require.ErrorIs(t, <-w.err, context.Canceled)
}

func TestWatchKVReadsThousandsOfKeys(t *testing.T) {
	t.Parallel()
	const keys = 5000
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 2)
	want := map[string]string{}
	putAll := func(prefix, value string) {
		for i := range keys {
			key := fmt.Sprintf("%s.%d", prefix, i)
			_, err := js.PublishMsgAsync(&nats.Msg{Subject: "$KV.settings." + key, Data: []byte(value + key)}, jetstream.WithStallWait(time.Minute))
			require.NoError(t, err)
			want[key] = value + key
		}
	}
	putAll("old", "gone ")
	for i := range keys {
		delete(want, fmt.Sprintf("old.%d", i))
		_, err := js.PublishMsgAsync(&nats.Msg{
			Subject: fmt.Sprintf("$KV.settings.old.%d", i), Header: nats.Header{"KV-Operation": {"DEL"}},
		}, jetstream.WithStallWait(time.Minute))
		require.NoError(t, err)
	}
	putAll("live", "value of ")
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(generous):
		require.FailNow(t, "the keys are not written")
	}
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys(">"),
		retry.WithCheckInterval(300*time.Millisecond, 300*time.Millisecond))
	w.requireFresh(want)
	first := len(w.src.sent())
	t.Logf("%d keys and as many that are gone, of two revisions each: %d requests", keys, first)
	require.Less(t, first, 100)

	for range 5 { // checks: one request, but for one whole read at the first
		checks := len(w.src.sent())
		require.Eventually(t, func() bool { return len(w.src.sent()) > checks }, generous, time.Millisecond)
	}
	require.Less(t, len(w.src.sent()), 3*first)
	before := len(w.src.sent())
	want["live.17"] = "changed"
	putKeys(t, kv, "live.17", "changed")
	w.requireFresh(want)
	t.Logf("one of them put: at most %d requests, checks included", len(w.src.sent())-before)
}

func TestWatchKVSeesAChangeThatLeavesNoMark(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	putKeys(t, kv, "a", "1", "b", "2", "c", "3")
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys(">"),
		retry.WithCheckInterval(200*time.Millisecond, 200*time.Millisecond))
	w.requireFresh(holds("a", "1", "b", "2", "c", "3"))
	st, err := js.Stream(within(t), "KV_settings")
	require.NoError(t, err)
	require.NoError(t, st.Purge(within(t), jetstream.WithPurgeSubject("$KV.settings.b")))
	w.requireFresh(holds("a", "1", "c", "3"))
}

func TestWatchKVJoinsABurst(t *testing.T) {
	t.Parallel()
	const puts = 2000
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	createSettings(t, js, 1)
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys("global", "groups.*"), never())
	w.requireFresh(holds())
	w.requireSettled()
	before := len(w.src.sent())
	for i := range puts {
		_, err := js.PublishMsgAsync(&nats.Msg{Subject: "$KV.settings.global", Data: fmt.Append(nil, i)}, jetstream.WithStallWait(time.Minute))
		require.NoError(t, err)
		if i%100 == 99 { // a hint is there before its message is stored, but not long before
			<-js.PublishAsyncComplete()
		}
	}
	w.requireFresh(holds("global", fmt.Sprint(puts-1)))
	took := len(w.src.sent()) - before
	t.Logf("%d puts: %d requests", puts, took)
	require.Less(t, took, 30)
}

func TestWatchKVMissesNothingWhileItStarts(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	kv := createSettings(t, js, 1)
	nc := broker.Connect()
	for i := range 30 {
		w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys("global"), retry.WithCheckInterval(30*time.Second, 30*time.Second))
		var last string
		for j := range 20 {
			last = fmt.Sprint(i, ".", j)
			putKeys(t, kv, "global", last)
			if _, n, _ := w.last(); n > 0 {
				break // the last put was around the first read
			}
		}
		w.requireFresh(holds("global", last))
		w.end()
	}
}

func TestWatchKVChangesItsKeys(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 1)
	putKeys(t, kv, "groups.a", "1", "groups.b", "2", "groups.c", "3")
	nc := broker.Connect()
	keys := newChangingKeys("groups.a", "groups.b")
	w := watch(t, retry.FromNATS(nc), "settings", keys.get, never())
	w.requireFresh(holds("groups.a", "1", "groups.b", "2"))
	keys.set("groups.b", "groups.c")
	w.requireFresh(holds("groups.b", "2", "groups.c", "3"))
	putKeys(t, kv, "groups.a", "4", "groups.c", "5")
	w.requireFresh(holds("groups.b", "2", "groups.c", "5"))
	keys.set()
	w.requireFresh(holds())
	keys.set("groups.>", "groups.a", "a b", "", "x..y", "groups.>.x")
	w.requireFresh(holds("groups.a", "4", "groups.b", "2", "groups.c", "5"))
	putKeys(t, kv, "groups.a", "6")
	w.requireFresh(holds("groups.a", "6", "groups.b", "2", "groups.c", "5"))
	w.end()
	require.ErrorIs(t, <-w.err, context.Canceled)
	require.Eventually(t, func() bool { return nc.NumSubscriptions() <= 1 }, generous, time.Millisecond, "only the reply inbox is left")
}

func TestWatchKVWaitsForTheBucket(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	attempts := make(chan retry.Attempt, 100)
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys("global"), never(),
		retry.WithBackoff(hour), retry.WithOnAttempt(func(a retry.Attempt) { attempts <- a }))
	a := <-attempts
	require.ErrorIs(t, a.Err, jetstream.ErrBucketNotFound)
	require.Equal(t, "kv settings", a.What)
	for a.Wait < time.Minute {
		a = <-attempts
	}
	_, n, _ := w.last()
	require.Zero(t, n, "nothing is told before the first read")
	createSettings(t, js, 1)
	w.requireFresh(holds())
}

func TestWatchKVEndsOnlyForGood(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	createSettings(t, broker.JetStream(), 1)
	for _, bucket := range []string{"", "a.b", "a b", "a>", "*", "a/b"} {
		err := retry.WatchKV(within(t), retry.NewKVReader(retry.FromNATS(broker.Connect())), bucket, retry.FixedKeys("a"), func(retry.View) {})
		require.ErrorIs(t, err, jetstream.ErrInvalidBucketName)
		require.True(t, retry.IsPermanent(err))
	}
	nc := broker.Connect()
	w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys("global"), never())
	w.requireFresh(holds())
	nc.Close()
	err := <-w.err
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	require.True(t, retry.IsPermanent(err))
}

func TestWatchKVIsStaleFromTheLossOfTheConnection(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	putKeys(t, createSettings(t, broker.JetStream(), 1), "global", "1")
	nc := broker.Connect()
	w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys("global"), never())
	w.requireFresh(holds("global", "1"))
	lost := time.Now()
	broker.Kill()
	require.Eventually(t, func() bool { return !nc.IsConnected() }, generous, time.Millisecond)
	v := w.requireStale(holds("global", "1"))
	require.False(t, v.Stale.Before(lost))
	_, n, _ := w.last()
	broker.Start()
	w.requireFresh(holds("global", "1"))
	_, after, _ := w.last()
	require.Equal(t, n+1, after, "told once")
}

func TestWatchKVIsNotMovedByARefusedPut(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 1)
	putKeys(t, kv, "global", "1")
	w := watch(t, retry.FromNATS(broker.Connect()), "settings", retry.FixedKeys("global"), never())
	w.requireFresh(holds("global", "1"))
	w.requireSettled()
	before := len(w.src.sent())
	_, err := kv.Update(within(t), "global", []byte("refused"), 77)
	require.Error(t, err)
	require.Eventually(t, func() bool { return len(w.src.sent()) == before+3 }, generous, time.Millisecond, "the hint is looked into")
	putKeys(t, kv, "global", "2")
	w.requireFresh(holds("global", "2"))
	require.LessOrEqual(t, len(w.src.sent()), before+3+3)
	_, n, _ := w.last()
	require.Equal(t, 2, n)
}
