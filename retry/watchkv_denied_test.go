package retry_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// refusing is a broker with the bucket that refuses the agent everything but what is given, and the agent's connection.
func refusing(t *testing.T, permissions string) (*nats.Conn, func(pairs ...string)) {
	t.Helper()
	broker := jstest.StartBroker(t, users(permissions)...)
	kv := createSettings(t, broker.JetStream(nats.UserInfo("maker", "m")), 1)
	nc := broker.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	return nc, func(pairs ...string) { putKeys(t, kv, pairs...) }
}

func TestWatchKVNamesEachDeniedSubjectOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		permissions string
		keys        []string
		denied      []string
	}{
		"hints": {
			allowGet + allowInboxOnly, []string{"global", "groups.*"}, []string{"$KV.settings.global", "$KV.settings.groups.*"},
		},
		"one hint": {
			allowLeader + allowHints, []string{"global", "pcs.me"}, []string{"$KV.settings.pcs.me"},
		},
		"gets without the key in the subject": {
			allowGetByKeyAndLeader + allowHints, []string{"global", "groups.a"}, []string{"$JS.API.DIRECT.GET.KV_settings"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc, put := refusing(t, c.permissions)
			put("global", "1")
			var logged logtest.Buffer
			w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys(c.keys...), retry.WithLogger(debugLog(&logged)),
				retry.WithCheckInterval(300*time.Millisecond, 100*time.Millisecond))
			w.requireFresh(holds("global", "1"))
			put("global", "2")
			w.requireFresh(holds("global", "2"))
			for before := len(w.src.sent()); len(w.src.sent()) < before+10; {
				put("global", "3")
				w.requireFresh(holds("global", "3"))
			}
			for _, subject := range c.denied {
				require.Equal(t, 1, logged.Count("subject="+subject), logged.String())
			}
			require.Equal(t, len(c.denied), logged.Count("refuses a subject"), logged.String())
		})
	}
}

func TestWatchKVSaysThatReadsAreDenied(t *testing.T) {
	t.Parallel()
	nc, put := refusing(t, `publish: {allow: ["nothing"]}`)
	put("global", "1")
	attempts := make(chan retry.Attempt, 100)
	w := watch(t, retry.FromNATS(nc), "settings", retry.FixedKeys("global", "groups.*"),
		retry.WithOnAttempt(func(a retry.Attempt) { attempts <- a }), retry.WithAttemptTimeout(time.Hour))
	a := <-attempts
	require.ErrorIs(t, a.Err, nats.ErrPermissionViolation)
	require.ErrorContains(t, a.Err, "$JS.API.DIRECT.GET.KV_settings")
	_, n, _ := w.last()
	require.Zero(t, n)
}

// mute passes nothing on but the Transport: refusals are silence.
type mute struct{ retry.Transport }

func TestWatchKVTakesSilenceForAFailure(t *testing.T) {
	t.Parallel()
	nc, _ := refusing(t, `publish: {allow: ["nothing"]}`)
	attempts := make(chan retry.Attempt, 100)
	watch(t, mute{retry.FromNATS(nc)}, "settings", retry.FixedKeys("global", "groups.*"),
		retry.WithOnAttempt(func(a retry.Attempt) { attempts <- a }), retry.WithAttemptTimeout(50*time.Millisecond))
	require.ErrorIs(t, (<-attempts).Err, context.DeadlineExceeded)
}

// A role that hears no hints and does not say so, as behind a gateway: the check finds out.
func TestWatchKVChecksMoreOftenWhenHintsDoNotCome(t *testing.T) {
	t.Parallel()
	nc, put := refusing(t, allowGet+allowInboxOnly)
	put("global", "1")
	w := watch(t, mute{retry.FromNATS(nc)}, "settings", retry.FixedKeys("global"), retry.WithCheckInterval(2*time.Second, 20*time.Millisecond))
	w.requireFresh(holds("global", "1"))
	w.requireSettled()
	require.Eventually(t, func() bool { return len(w.src.sent()) >= 4 }, generous, time.Millisecond, "settled for good")
	put("global", "2")
	w.requireFresh(holds("global", "2"))
	started, before := time.Now(), len(w.src.sent())
	require.Eventually(t, func() bool { return len(w.src.sent()) >= before+10 }, generous, time.Millisecond)
	t.Logf("10 checks within %s", time.Since(started).Round(time.Millisecond))
	put("global", "3")
	w.requireFresh(holds("global", "3"))
}

// oldServer answers as a server before 2.11, which does not know the fields for more than one message.
type oldServer struct{ retry.Transport }

func (o oldServer) RequestMany(ctx context.Context, m *nats.Msg) iter.Seq2[*nats.Msg, error] {
	return o.Transport.RequestMany(ctx, &nats.Msg{Subject: m.Subject, Data: []byte("{}")})
}

func TestWatchKVReadsOldServersKeyByKey(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	kv := createSettings(t, broker.JetStream(), 3)
	putKeys(t, kv, "global", "1", "groups.a", "old", "groups.a", "2", "groups.b", "3", "pcs.x", "4")
	require.NoError(t, kv.Delete(within(t), "groups.b"))
	w := watch(t, oldServer{retry.FromNATS(broker.Connect())}, "settings", retry.FixedKeys("global", "groups.*"),
		retry.WithCheckInterval(200*time.Millisecond, 200*time.Millisecond))
	w.requireFresh(holds("global", "1", "groups.a", "2"))
	putKeys(t, kv, "groups.b", "5", "global", "6")
	w.requireFresh(holds("global", "6", "groups.a", "2", "groups.b", "5"))
	st, err := broker.JetStream().Stream(within(t), "KV_settings")
	require.NoError(t, err)
	require.NoError(t, st.Purge(within(t)))
	w.requireFresh(holds())
}

func debugLog(to *logtest.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
