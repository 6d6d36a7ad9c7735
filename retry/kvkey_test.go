package retry_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	leaderOfSettings  = "$JS.API.STREAM.MSG.GET.KV_settings"
	replicaOfSettings = "$JS.API.DIRECT.GET.KV_settings"
)

func TestReadKeyTellsWhatBecameOfAKey(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 3)
	putKeys(t, kv, "global", "old", "global", "1", "groups.a/b=c", "", "pcs.gone", "5", "pcs.purged", "6", "other", "7")
	require.NoError(t, kv.Delete(within(t), "pcs.gone"))
	require.NoError(t, kv.Purge(within(t), "pcs.purged"))
	src := &counted{Transport: retry.FromNATS(broker.Connect())}
	r := retry.NewKVReader(src)
	for key, c := range map[string]struct {
		err      error
		value    string
		revision uint64
	}{
		"global":       {nil, "1", 2},
		"groups.a/b=c": {nil, "", 3},
		"pcs.gone":     {jetstream.ErrKeyDeleted, "", 7},
		"pcs.purged":   {jetstream.ErrKeyDeleted, "", 8},
		"none":         {jetstream.ErrKeyNotFound, "", 0},
	} {
		t.Run(key, func(t *testing.T) {
			before := len(src.sent())
			got, err := r.ReadKey(within(t), "settings", key)
			if c.err == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.err)
			}
			require.Equal(t, c.value, string(got.Entry.Value))
			require.Equal(t, c.revision, got.Entry.Revision)
			require.Equal(t, c.revision == 0, got.Entry.Created.IsZero())
			require.False(t, got.Replica)
			require.Equal(t, 1, got.Requests)
			require.Equal(t, []string{leaderOfSettings + ` {"last_by_subj":"$KV.settings.` + key + `"}`}, src.sent()[before:])
		})
	}
	_, err := r.ReadKey(within(t), "missing", "global")
	require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
}

func TestReadKeyRefusesNamesThatAreNone(t *testing.T) {
	t.Parallel()
	src := &counted{Transport: jstest.NewFake().Conn()}
	r := retry.NewKVReader(src)
	for _, key := range []string{"", ".", "a.", "a..b", "a b", "*", "a.>", ">", "a\r\nPUB", "ä", strings.Repeat("a", 2000)} {
		_, err := r.ReadKey(within(t), "settings", key)
		require.ErrorIs(t, err, jetstream.ErrInvalidKey, key)
	}
	for _, bucket := range []string{"", "a.b", "a b", ">", "*", "a\r\n"} {
		_, err := r.ReadKey(within(t), bucket, "a")
		require.ErrorIs(t, err, jetstream.ErrInvalidBucketName, bucket)
	}
	require.Empty(t, src.sent())
}

// A role that may not ask the leader gets the answer of a replica, and the broker is not told to refuse it again.
func TestReadKeyAsksAReplicaWhereTheLeaderIsRefused(t *testing.T) {
	t.Parallel()
	byKey := replicaOfSettings + ".$KV.settings.global"
	for name, c := range map[string]struct {
		permissions    string
		denied         []string
		first, further int // requests
	}{
		"direct gets":                   {allowGet + allowHints, []string{leaderOfSettings}, 2, 1},
		"direct gets by key":            {allowGetByKey + allowHints, []string{replicaOfSettings, leaderOfSettings}, 3, 1},
		"the leader":                    {`publish: {allow: ["` + leaderOfSettings + `"]}` + allowHints, nil, 1, 1},
		"the leader and no direct gets": {`publish: {deny: ["` + byKey + `", "` + replicaOfSettings + `"]}`, nil, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, put := refusing(t, c.permissions)
			put("global", "1")
			r := retry.NewKVReader(retry.FromNATS(nc))
			for _, requests := range []int{c.first, c.further, c.further} {
				got, err := r.ReadKey(within(t), "settings", "global")
				require.NoError(t, err)
				require.Equal(t, "1", string(got.Entry.Value))
				require.Equal(t, len(c.denied) > 0, got.Replica)
				require.Equal(t, requests, got.Requests)
				var denied []string
				for _, d := range got.Denied {
					require.ErrorIs(t, d.Err, nats.ErrPermissionViolation)
					require.ErrorContains(t, d.Err, d.Subject)
					denied = append(denied, d.Subject)
				}
				require.Equal(t, c.denied, denied)
			}
			got, err := r.ReadKey(within(t), "settings", "groups.none")
			require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
			require.Equal(t, len(c.denied) > 0, got.Replica)
		})
	}
}

func TestReadKeyOfARoleThatMayNothing(t *testing.T) {
	t.Parallel()
	nc, _ := refusing(t, `publish: {allow: ["nothing"]}`)
	_, err := retry.NewKVReader(retry.FromNATS(nc)).ReadKey(within(t), "settings", "global")
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.ErrorContains(t, err, leaderOfSettings)
	require.ErrorContains(t, err, replicaOfSettings+".$KV.settings.global")
	require.NotErrorIs(t, err, jetstream.ErrBucketNotFound)
}

// Where the leader may not be asked, a bucket that nobody answers for is as good as missing; the caller is told how weak
// that is.
func TestReadKeyOfAMissingBucketWhereTheLeaderIsRefused(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, users(allowGet+allowHints)...)
	nc := broker.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	got, err := retry.NewKVReader(retry.FromNATS(nc)).ReadKey(within(t), "settings", "global")
	require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
	require.True(t, got.Replica)
	require.Len(t, got.Denied, 1)
}

// Without JetStream there is nobody who could say that there is no bucket.
func TestReadKeyWithoutJetStream(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	_, err := retry.NewKVReader(retry.FromNATS(broker.Connect())).ReadKey(within(t), "settings", "global")
	require.ErrorIs(t, err, nats.ErrNoResponders)
	require.NotErrorIs(t, err, jetstream.ErrBucketNotFound)
}

// deaf gets no answers to requests on some subjects, as from a stream without a leader.
type deaf struct {
	retry.Transport
	to map[string]bool
}

func (d deaf) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	if d.to[m.Subject] {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.Transport.Request(ctx, m)
}

func TestReadKeyOfAStreamWithoutALeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		read := func(timeout time.Duration, silent ...string) (retry.KVAnswer, error) {
			d := deaf{fake.Conn(), map[string]bool{}}
			for _, subject := range silent {
				d.to[subject] = true
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return retry.NewKVReader(d).ReadKey(ctx, "settings", "global")
		}
		_, err := read(time.Minute, leaderOfSettings)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, jetstream.ErrBucketNotFound, "its only server may be down")

		kv, err := fake.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "settings"})
		require.NoError(t, err)
		_, err = kv.PutString(t.Context(), "global", "1")
		require.NoError(t, err)
		for timeout, want := range map[time.Duration]time.Duration{time.Minute: retry.DefaultAttemptTimeout, 2 * time.Second: time.Second} {
			began := time.Now()
			got, err := read(timeout, leaderOfSettings)
			require.NoError(t, err)
			require.True(t, got.Replica)
			require.Empty(t, got.Denied)
			require.Equal(t, want, time.Since(began))
			_, err = read(timeout, leaderOfSettings, replicaOfSettings)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

func TestReadKeyAsksNobodyWhileDisconnected(t *testing.T) {
	t.Parallel()
	fake := jstest.NewFake()
	fake.Disconnect()
	src := &counted{Transport: fake.Conn()}
	_, err := retry.NewKVReader(src).ReadKey(within(t), "settings", "global")
	require.ErrorIs(t, err, nats.ErrDisconnected)
	require.Empty(t, src.sent())
}

func TestReadKeyEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		d := deaf{fake.Conn(), map[string]bool{leaderOfSettings: true}}
		go func() {
			time.Sleep(time.Second)
			fake.Disconnect()
		}()
		began := time.Now()
		_, err := retry.NewKVReader(d).ReadKey(t.Context(), "settings", "global")
		require.ErrorIs(t, err, nats.ErrDisconnected)
		require.Equal(t, time.Second, time.Since(began))

		fake.Reconnect()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = retry.NewKVReader(d).ReadKey(ctx, "settings", "global")
		require.ErrorIs(t, err, context.Canceled)
	})
}

// Who reads from the leader reads what a writer was told is stored, at once. A view, and a replica, may be behind.
func TestReadKeyHasWhatTheWriterWasTold(t *testing.T) {
	t.Parallel()
	cluster := jstest.StartCluster(t, 3)
	js, err := jetstream.New(cluster.Connect())
	require.NoError(t, err)
	var kv jetstream.KeyValue
	require.Eventually(t, func() (made bool) {
		kv, err = js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: "settings", Replicas: 3})
		return err == nil
	}, generous, 50*time.Millisecond)
	r := retry.NewKVReader(retry.FromNATS(cluster.Connect()))
	for n := range uint64(200) {
		revision, err := kv.PutString(within(t), "global", strings.Repeat("x", int(n)))
		require.NoError(t, err)
		got, err := r.ReadKey(within(t), "settings", "global")
		require.NoError(t, err)
		require.False(t, got.Replica)
		require.Equal(t, revision, got.Entry.Revision)
	}
}
