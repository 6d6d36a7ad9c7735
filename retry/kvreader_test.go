package retry_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func readKeys(t *testing.T, r *retry.DirectReader, keys ...string) (retry.KVSnapshot, error) {
	t.Helper()
	return r.ReadKV(within(t), retry.KVQuery{Bucket: "settings", Keys: keys})
}

func TestReaderReadsWhatTheKeysName(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 3)
	putKeys(t, kv, "global", "old", "global", "1", "groups.a", "2", "groups.a.b", "3", "pcs.me", "4", "pcs.gone", "5")
	require.NoError(t, kv.Delete(within(t), "pcs.gone"))
	src := &counted{Transport: retry.FromNATS(broker.Connect())}
	r := retry.NewKVReader(src)
	for name, c := range map[string]struct {
		keys     []string
		want     map[string]string
		requests int
	}{
		"nothing":       {nil, holds(), 0},
		"one key":       {[]string{"global"}, holds("global", "1"), 1},
		"a missing key": {[]string{"none"}, holds(), 1},
		"a gone key":    {[]string{"pcs.gone"}, holds(), 1},
		"some keys":     {[]string{"global", "pcs.gone", "none", "pcs.me"}, holds("global", "1", "pcs.me", "4"), 1},
		"a token":       {[]string{"groups.*"}, holds("groups.a", "2"), 1},
		"a tail":        {[]string{"groups.>"}, holds("groups.a", "2", "groups.a.b", "3"), 1},
		"overlaps":      {[]string{"groups.*", "groups.a", ">", ">", "*.a"}, holds("global", "1", "groups.a", "2", "groups.a.b", "3", "pcs.me", "4"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(src.sent())
			got, err := readKeys(t, r, c.keys...)
			require.NoError(t, err)
			require.Equal(t, c.want, values(retry.View{Entries: got.Entries}))
			require.Equal(t, c.requests, got.Requests)
			require.Equal(t, c.requests, len(src.sent())-before)
		})
	}
}

func TestReaderRefusesNamesThatAreNone(t *testing.T) {
	t.Parallel()
	r := retry.NewKVReader(jstest.NewFake().Conn())
	for _, key := range []string{"", ".", "a.", ".a", "a..b", "a b", "a>", "*a", ">.a", "a\n", "ä", strings.Repeat("a", 2000)} {
		_, err := readKeys(t, r, "good", key)
		require.ErrorIs(t, err, jetstream.ErrInvalidKey, key)
		_, err = r.HintKV(within(t), "settings", []string{key}, func(string) {})
		require.ErrorIs(t, err, jetstream.ErrInvalidKey, key)
	}
	for _, bucket := range []string{"", "a.b", "a b", ">", "*", "a\r\n"} {
		_, err := r.ReadKV(within(t), retry.KVQuery{Bucket: bucket, Keys: []string{"a"}})
		require.ErrorIs(t, err, jetstream.ErrInvalidBucketName, bucket)
		_, err = r.HintKV(within(t), bucket, []string{"a"}, func(string) {})
		require.ErrorIs(t, err, jetstream.ErrInvalidBucketName, bucket)
	}
	_, err := readKeys(t, r, "a")
	require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
}

func TestReaderTellsAReCreatedBucketByItsMark(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	r := retry.NewKVReader(retry.FromNATS(broker.Connect()))
	mark := func() retry.KVMark {
		snap, err := r.ReadKV(within(t), retry.KVQuery{Bucket: "settings", Mark: true})
		require.NoError(t, err)
		return snap.Mark
	}
	kv := createSettings(t, js, 1)
	require.Zero(t, mark())
	putKeys(t, kv, "a", "1", "b", "2")
	before := mark()
	require.Equal(t, "$KV.settings.b", before.Subject)
	require.Equal(t, uint64(2), before.Sequence)
	require.Equal(t, before, mark())
	require.NoError(t, js.DeleteKeyValue(within(t), "settings"))
	kv = createSettings(t, js, 1)
	putKeys(t, kv, "a", "1", "b", "2")
	after := mark()
	require.Equal(t, before.Sequence, after.Sequence)
	require.NotEqual(t, before, after)
}

// A writer may put the server's own headers on its message.
func TestReaderDoesNotBelieveTheHeadersOfAWriter(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	createSettings(t, js, 1)
	ack, err := js.PublishMsg(within(t), &nats.Msg{Subject: "$KV.settings.mine", Data: []byte("1"), Header: nats.Header{
		"Nats-Sequence": {"999999"}, "Nats-Subject": {"$KV.settings.global"}, "Nats-Time-Stamp": {"2099-01-01T00:00:00Z"},
		"Nats-Num-Pending": {"77"}, "Nats-Last-Sequence": {"5"}, "Status": {"204"},
	}})
	require.NoError(t, err)
	r := retry.NewKVReader(retry.FromNATS(broker.Connect()))
	for _, keys := range [][]string{{"mine"}, {"mine", "global"}, {">"}} {
		got, err := readKeys(t, r, keys...)
		require.NoError(t, err)
		require.Equal(t, holds("mine", "1"), values(retry.View{Entries: got.Entries}))
		require.Equal(t, ack.Sequence, got.Entries["mine"].Revision)
		require.Less(t, got.Entries["mine"].Created.Year(), 2099)
	}
}

// meanwhile does something before the n-th request for many messages.
type meanwhile struct {
	retry.Transport
	n     atomic.Int32
	at    int32
	event func()
}

func (m *meanwhile) RequestMany(ctx context.Context, msg *nats.Msg) iter.Seq2[*nats.Msg, error] {
	if m.n.Add(1) == m.at {
		m.event()
	}
	return m.Transport.RequestMany(ctx, msg)
}

func TestReaderNoticesABucketThatIsReCreatedBetweenPages(t *testing.T) {
	t.Parallel()
	const keys = 3000
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	createSettings(t, js, 1)
	putAll := func(n int) {
		for i := range n {
			_, err := js.PublishAsync(fmt.Sprintf("$KV.settings.k%d", i), []byte("x"), jetstream.WithStallWait(generous))
			require.NoError(t, err)
		}
		<-js.PublishAsyncComplete()
	}
	putAll(keys)
	m := &meanwhile{Transport: retry.FromNATS(broker.Connect()), at: 4, event: func() {
		require.NoError(t, js.DeleteKeyValue(within(t), "settings"))
		createSettings(t, js, 1)
		putAll(10)
	}}
	r := retry.NewKVReader(m)
	_, err := readKeys(t, r, ">")
	require.ErrorContains(t, err, "re-created")
	require.Greater(t, m.n.Load(), int32(3))
	got, err := readKeys(t, r, ">")
	require.NoError(t, err)
	require.Len(t, got.Entries, 10)

	var many []string
	for i := range keys {
		many = append(many, fmt.Sprintf("k%d", i))
	}
	putAll(keys)
	got, err = readKeys(t, r, many...)
	require.NoError(t, err)
	require.Len(t, got.Entries, keys)
	t.Logf("%d exact keys: %d requests", keys, got.Requests)
	require.Less(t, got.Requests, 20)
}

func TestReaderReadsLargeValuesPageByPage(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 1)
	value := strings.Repeat("x", 400<<10)
	for i := range 12 {
		putKeys(t, kv, fmt.Sprintf("k%d", i), value)
	}
	src := &counted{Transport: retry.FromNATS(broker.Connect())}
	got, err := readKeys(t, retry.NewKVReader(src), ">")
	require.NoError(t, err)
	require.Len(t, got.Entries, 12)
	for _, e := range got.Entries {
		require.Equal(t, value, string(e.Value))
	}
	require.Greater(t, got.Requests, 3)
	require.Less(t, got.Requests, 12)
}

func TestHintsNameTheKeys(t *testing.T) {
	t.Parallel()
	for name, patterns := range map[string][]string{
		"few":  {"global", "groups.*"},
		"many": append(slices.Repeat([]string{"x"}, 3), manyKeys(100)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := jstest.StartBroker(t)
			kv := createSettings(t, broker.JetStream(), 1)
			hinted := make(chan string, 100)
			r := retry.NewKVReader(retry.FromNATS(broker.Connect()))
			hints, err := r.HintKV(within(t), "settings", append(patterns, "global", "groups.*"), func(key string) { hinted <- key })
			require.NoError(t, err)
			putKeys(t, kv, "other", "1", "groups.a.b", "2", "global", "3", "groups.a", "4")
			require.NoError(t, kv.Purge(within(t), "global"))
			require.ElementsMatch(t, []string{"global", "groups.a", "global"}, []string{<-hinted, <-hinted, <-hinted},
				"in any order: each pattern has a subscription of its own")
			require.Empty(t, hints.Denied())
			require.NoError(t, hints.Stop())
			putKeys(t, kv, "global", "5")
			require.Empty(t, hinted)
		})
	}
}

func manyKeys(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("key.%d", i))
	}
	return keys
}
