package retry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// follower answers direct gets as a replica does that has a stream up to some sequence only. The bucket keeps a history, from
// which the server answers.
type follower struct {
	retry.Transport
	mu   sync.Mutex
	upTo uint64 // 0: it has everything
	down bool   // the leader has no more either: the stream was set back
}

func (f *follower) stay(upTo uint64, leader bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.upTo, f.down = upTo, leader
}

func (f *follower) limit(m *nats.Msg) (upTo uint64, leader bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case strings.HasPrefix(m.Subject, "$JS.API.DIRECT.GET."):
		return f.upTo, false
	case f.down && strings.HasPrefix(m.Subject, "$JS.API.STREAM.MSG.GET."):
		return f.upTo, true
	}
	return 0, false
}

// before makes a request ask for the newest messages up to a sequence.
func before(m *nats.Msg, upTo uint64) *nats.Msg {
	var g map[string]any
	if json.Unmarshal(m.Data, &g) != nil {
		return m
	}
	if last, ok := g["last_by_subj"]; ok {
		g = map[string]any{"multi_last": []any{last}, "batch": 1024}
	}
	g["up_to_seq"] = upTo
	data, err := json.Marshal(g)
	if err != nil {
		panic(err)
	}
	_, stream, _ := strings.Cut(m.Subject, ".GET.")
	return &nats.Msg{Subject: "$JS.API.DIRECT.GET." + stream, Data: data}
}

func (f *follower) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	if upTo, _ := f.limit(m); upTo > 0 {
		m = before(m, upTo)
	}
	return f.Transport.RequestMany(ctx, m)
}

func (f *follower) Request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	upTo, leader := f.limit(m)
	if upTo == 0 {
		return f.Transport.Request(ctx, m)
	}
	var newest *nats.Msg
	for reply, err := range f.Transport.RequestMany(ctx, before(m, upTo)) {
		if err != nil {
			return nil, err
		}
		if reply.Header.Get("Nats-Sequence") == "" {
			break
		}
		newest = reply // they come by sequence
	}
	switch {
	case leader:
		return asStored(newest), nil
	case newest == nil:
		return &nats.Msg{Header: nats.Header{"Status": {"404"}}}, nil
	}
	return newest, nil
}

// asStored is the leader's form of an answer.
func asStored(m *nats.Msg) *nats.Msg {
	if m == nil {
		return &nats.Msg{Data: []byte(`{"error":{"code":404,"err_code":10037}}`)}
	}
	var header bytes.Buffer
	if op := m.Header.Get("KV-Operation"); op != "" {
		fmt.Fprintf(&header, "NATS/1.0\r\nKV-Operation: %s\r\n\r\n", op)
	}
	var seq uint64
	_, _ = fmt.Sscan(m.Header.Get("Nats-Sequence"), &seq)
	data, err := json.Marshal(map[string]any{"message": map[string]any{
		"subject": m.Header.Get("Nats-Subject"), "seq": seq, "time": m.Header.Get("Nats-Time-Stamp"), "data": m.Data, "hdrs": header.Bytes(),
	}})
	if err != nil {
		panic(err)
	}
	return &nats.Msg{Data: data}
}

func (f *follower) Flush(ctx context.Context) error {
	return f.Transport.(interface{ Flush(context.Context) error }).Flush(ctx)
}

func (f *follower) OnDenied(h func(retry.Denial)) func() {
	return f.Transport.(interface {
		OnDenied(func(retry.Denial)) func()
	}).OnDenied(h)
}

// replicated is a watch of a bucket whose reads a follower answers.
type replicated struct {
	*watched
	*follower
	kv       jetstream.KeyValue
	failures chan error
}

func watchReplica(t *testing.T, permissions string, opts ...retry.Option) *replicated {
	t.Helper()
	broker := jstest.StartBroker(t, users(permissions)...)
	r := &replicated{kv: createSettings(t, broker.JetStream(nats.UserInfo("maker", "m")), 64), failures: make(chan error, 1000)}
	putKeys(t, r.kv, "groups.x", "gone", "global", "old", "groups.a", "old")
	require.NoError(t, r.kv.Delete(within(t), "groups.x"))
	nc := broker.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	r.follower = &follower{Transport: retry.FromNATS(nc)}
	opts = append([]retry.Option{retry.WithOnAttempt(func(a retry.Attempt) {
		if a.Err != nil {
			r.failures <- a.Err
		}
	})}, opts...)
	r.watched = watch(t, r.follower, "settings", retry.FixedKeys("global", "groups.*"), opts...)
	r.requireFresh(holds("global", "old", "groups.a", "old"))
	r.requireSettled()
	require.NoError(t, r.kv.Delete(within(t), "global")) // and the second read is answered
	r.requireFresh(holds("groups.a", "old"))
	putKeys(t, r.kv, "global", "old")
	r.requireFresh(holds("global", "old", "groups.a", "old"))
	return r
}

// With the leader's reads.
const (
	allowLeader            = `publish: {allow: ["$JS.API.DIRECT.GET.KV_settings", "$JS.API.STREAM.MSG.GET.KV_settings"]}`
	allowGetByKeyAndLeader = `publish: {allow: ["$JS.API.DIRECT.GET.KV_settings.>", "$JS.API.STREAM.MSG.GET.KV_settings"]}`
)

func (r *replicated) sentTo(prefix string, since int) (n int) {
	for _, subject := range r.src.sent()[since:] {
		if strings.HasPrefix(subject, prefix) {
			n++
		}
	}
	return n
}

const (
	toReplica = "$JS.API.DIRECT.GET."
	toLeader  = "$JS.API.STREAM.MSG.GET."
)

// A write that a replica does not have yet is not hidden until the next check.
func TestWatchKVAsksTheLeaderForWhatAReplicaDoesNotHave(t *testing.T) {
	t.Parallel()
	r := watchReplica(t, allowLeader+allowHints, never())
	r.stay(6, false)
	before := len(r.src.sent())
	putKeys(t, r.kv, "global", "new")
	r.requireFresh(holds("global", "new", "groups.a", "old"))
	require.Equal(t, 2, r.sentTo(toReplica, before), r.src.sent())
	require.Equal(t, 1, r.sentTo(toLeader, before))

	putKeys(t, r.kv, "groups.b", "new")
	r.requireFresh(holds("global", "new", "groups.a", "old", "groups.b", "new"))
	require.NoError(t, r.kv.Delete(within(t), "groups.a"))
	r.requireFresh(holds("global", "new", "groups.b", "new"))
	require.LessOrEqual(t, len(r.src.sent())-before, 9)
}

// A replica that is behind takes nothing back: the view says that it is not refreshed, hears of writes all the same, and is
// fresh again when the replica is.
func TestWatchKVIsNotSetBackByAReplica(t *testing.T) {
	t.Parallel()
	r := watchReplica(t, allowLeader+allowHints, retry.WithCheckInterval(500*time.Millisecond, 500*time.Millisecond),
		retry.WithBackoff(retry.Backoff{Min: 200 * time.Millisecond, Factor: 1}))
	putKeys(t, r.kv, "global", "new", "groups.b", "new")
	require.NoError(t, r.kv.Delete(within(t), "groups.a"))
	known := holds("global", "new", "groups.b", "new")
	r.requireFresh(known)
	_, told, _ := r.last()
	for _, upTo := range []uint64{6, 7, 8} {
		r.stay(upTo, false)
		r.requireStale(known)
		require.ErrorContains(t, <-r.failures, "behind its leader")
		_, n, _ := r.last()
		require.Equal(t, told+1, n, "nothing else was told")
		r.stay(0, false)
		r.requireFresh(known)
		told = n + 1
	}
	r.stay(8, false)
	r.requireStale(known)
	putKeys(t, r.kv, "global", "newer")
	known["global"] = "newer"
	r.requireStale(known)
	r.stay(0, false)
	r.requireFresh(known)
}

// Many writes at once are read as a whole, which a replica that is behind answers with what it has.
func TestWatchKVFindsABurstThatAReplicaDoesNotHave(t *testing.T) {
	t.Parallel()
	r := watchReplica(t, allowLeader+allowHints, never(), retry.WithHintSpread(time.Second),
		retry.WithBackoff(retry.Backoff{Min: 200 * time.Millisecond, Factor: 1}))
	for name, keys := range map[string]int{"some": 20, "many": 200} {
		seen, _, _ := r.last()
		r.stay(newestOf(seen), false)
		want := values(seen)
		for range 2 { // the last reads are due at once for keys that were written to twice
			for i := range keys {
				key := fmt.Sprintf("groups.%s-%d", name, i)
				want[key] = fmt.Sprint(time.Now())
				putKeys(t, r.kv, key, want[key])
			}
		}
		require.Eventually(t, func() bool { return len(r.failures) > 0 }, generous, time.Millisecond, "the replica is found out")
		require.Error(t, <-r.failures)
		r.stay(0, false)
		r.requireFresh(want)
	}
}

func newestOf(v retry.View) (revision uint64) {
	for _, e := range v.Entries {
		revision = max(revision, e.Revision)
	}
	return revision
}

// A bucket that was set back to a backup is believed when its leader says the same.
func TestWatchKVBelievesALeaderThatWasSetBack(t *testing.T) {
	t.Parallel()
	r := watchReplica(t, allowLeader+allowHints, retry.WithCheckInterval(500*time.Millisecond, 500*time.Millisecond))
	putKeys(t, r.kv, "global", "new", "groups.b", "new")
	r.requireFresh(holds("global", "new", "groups.a", "old", "groups.b", "new"))
	r.stay(6, true)
	r.requireFresh(holds("global", "old", "groups.a", "old"))
	require.Empty(t, r.failures)
}

// Where the leader may not be asked its subject is named once, and the third answer of a replica counts.
func TestWatchKVWithoutTheLeaderBelievesTheThirdAnswer(t *testing.T) {
	t.Parallel()
	var logged logtest.Buffer
	r := watchReplica(t, allowGet+allowHints, retry.WithLogger(debugLog(&logged)), retry.WithCheckInterval(500*time.Millisecond, 500*time.Millisecond))
	for i := range 3 {
		value := fmt.Sprint("new ", i)
		putKeys(t, r.kv, "global", value)
		r.requireFresh(holds("global", value, "groups.a", "old"))
		r.stay(6, false)
		r.requireFresh(holds("global", "old", "groups.a", "old"))
		r.stay(0, false)
		r.requireFresh(holds("global", value, "groups.a", "old"))
	}
	require.Equal(t, 1, logged.Count("subject=$JS.API.STREAM.MSG.GET.KV_settings"), logged.String())
	require.Equal(t, 1, logged.Count("refuses a subject"), logged.String())
}
