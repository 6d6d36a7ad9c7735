package settings

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const patience = time.Minute

// site is a broker with the buckets of a fleet.
type site struct {
	*jstest.Broker
	t  *testing.T
	js jetstream.JetStream
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := newEmptySite(t)
	s.createBuckets()
	return s
}

// newEmptySite is a broker without buckets.
func newEmptySite(t *testing.T, opts ...jstest.BrokerOption) *site {
	t.Helper()
	t.Parallel()
	s := &site{Broker: jstest.StartBroker(t, opts...), t: t}
	s.js = s.JetStream(nats.UserInfo("maker", "m"))
	return s
}

func (s *site) createBuckets() {
	s.t.Helper()
	for _, b := range wire.Buckets() {
		s.insist(func(ctx context.Context) error {
			_, err := s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
			return err
		})
	}
}

// insist does what fails as long as the maker's connection has not found a broker that
// was just started.
func (s *site) insist(do func(ctx context.Context) error) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := do(s.t.Context())
		if err == nil {
			return
		}
		if time.Now().After(end) {
			require.NoError(s.t, err)
		}
	}
}

func (s *site) kv(bucket string) (kv jetstream.KeyValue) {
	s.t.Helper()
	s.insist(func(ctx context.Context) (err error) { kv, err = s.js.KeyValue(ctx, bucket); return err })
	return kv
}

func (s *site) put(bucket, key, value string) {
	s.t.Helper()
	kv := s.kv(bucket)
	s.insist(func(ctx context.Context) error { _, err := kv.PutString(ctx, key, value); return err })
}

// host is the settings of one host over a connection of its own.
type host struct {
	*Service
	group *supervise.Group
	nc    *nats.Conn
	logs  *logtest.Buffer
}

func (s *site) start(dir string) *host {
	s.t.Helper()
	nc, err := nats.Connect(s.URL(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond),
		nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(s.t, err)
	transport := retry.FromNATS(nc)
	reader, link := retry.NewKVReader(transport), natskit.NewLink(transport, nil)
	logs := new(logtest.Buffer)
	log := slog.New(slog.NewTextHandler(io.MultiWriter(s.t.Output(), logs), nil))
	h := &host{nc: nc, logs: logs, Service: New(Config{
		PCID: "PC-1", Dir: filepath.Join(dir, "settings"), FS: atomicfile.OS, Rows: reader,
		Watch: func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error {
			return retry.WatchKV(ctx, reader, bucket, keys, apply, append(opts, retry.WithReadSpread(10*time.Millisecond))...)
		},
		Connected: func() bool { up, _ := transport.State(); return up }, Since: link.Since, Logger: log,
	})}
	h.Load()
	h.group = supervise.NewGroup(context.Background(), log, append(h.Tasks(), supervise.Task{Name: "link", Run: link.Run})...)
	s.t.Cleanup(h.stop)
	return h
}

func (h *host) stop() {
	h.group.Stop()
	h.nc.Close()
}

func (s *site) eventually(what string, is func() bool) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, 10*time.Millisecond, what)
}

func (h *host) fresh() bool {
	for _, b := range h.Status().Buckets {
		if !b.Read || !b.Stale.IsZero() || !b.Missing.IsZero() {
			return false
		}
	}
	return true
}

func (h *host) revoked(id string) bool { return h.Scripts().Known(id).Revoked }

func (h *host) heartbeat() time.Duration { return h.Current().HeartbeatInterval }

func (s *site) fill() {
	s.put("agent_groups", "PC-1", `{"groups":["lab"]}`)
	s.put("agent_config", "global", `{"heartbeat_interval":"60s"}`)
	s.put("agent_config", "groups.lab", `{"heartbeat_interval":"10s"}`)
	s.put("agent_config", "pcs.PC-2", `{"heartbeat_interval":"99s"}`)
	s.put("script_current", "job", "1.4.0")
	s.put("script_status", "job", "ACTIVE")
	s.put("script_status", "bad", "REVOKED")
}

func TestAnOfflineBootKnowsWhatIsRevoked(t *testing.T) {
	s := newSite(t)
	s.fill()
	dir := t.TempDir()
	h := s.start(dir)
	s.eventually("everything is read", func() bool { return h.fresh() && h.heartbeat() == 10*time.Second && h.revoked("bad") })
	h.stop()
	s.Stop()

	h = s.start(dir)
	require.True(t, h.revoked("bad"))
	require.Equal(t, "1.4.0", h.Scripts().Known("job").Version)
	require.Equal(t, 10*time.Second, h.heartbeat())
	groups, _ := h.Groups()
	require.Equal(t, []string{"lab"}, groups)
	state := h.Scripts().Ask(t.Context(), "bad", "1")
	require.True(t, state.Revoked && state.Final && state.Age == wire.NeverConnected)

	s.Start()
	s.put("script_status", "bad", "ACTIVE")
	s.eventually("it is taken back", func() bool { return h.fresh() && !h.revoked("bad") })
}

// A broker that lost everything says nothing about what was revoked.
func TestARevocationOutlivesAWipedBroker(t *testing.T) {
	s := newSite(t)
	s.fill()
	dir := t.TempDir()
	h := s.start(dir)
	s.eventually("everything is read", func() bool { return h.fresh() && h.revoked("bad") })

	s.Stop()
	s.eventually("the loss is noticed", func() bool { return h.Scripts().Known("bad").Age > 0 })
	s.Wipe()
	s.Start()
	s.createBuckets()
	s.eventually("the empty buckets are read", func() bool { return h.fresh() && h.heartbeat() == 30*time.Second })
	state := h.Scripts().Ask(t.Context(), "bad", "1")
	require.Equal(t, wire.ScriptState{Known: true, Revoked: true, Final: true}, state)
	require.False(t, h.Scripts().Ask(t.Context(), "job", "9").Pinned, "a pin is gone with its row")
	groups, _ := h.Groups()
	require.Empty(t, groups)
	h.stop()

	h = s.start(dir)
	s.eventually("another start reads them too", h.fresh)
	require.True(t, h.revoked("bad"))
	s.put("script_status", "bad", "ACTIVE")
	s.eventually("it is taken back", func() bool { return !h.revoked("bad") })
}

func TestABucketThatIsMadeAnewWhileConnected(t *testing.T) {
	s := newSite(t)
	s.fill()
	h := s.start(t.TempDir())
	s.eventually("everything is read", func() bool { return h.fresh() && h.revoked("bad") })
	require.NoError(t, s.js.DeleteKeyValue(t.Context(), "script_status"))
	require.NoError(t, s.js.DeleteKeyValue(t.Context(), "agent_config"))
	s.createBuckets()
	s.put("script_status", "worse", "REVOKED")
	s.put("agent_config", "global", `{"heartbeat_interval":"7s"}`)
	s.eventually("the new rows count", func() bool { return h.revoked("worse") && h.heartbeat() == 7*time.Second })
	require.True(t, h.revoked("bad"))
}

func TestADeletedRevocationIsOver(t *testing.T) {
	s := newSite(t)
	s.fill()
	s.put("script_status", "worse", "REVOKED")
	h := s.start(t.TempDir())
	s.eventually("everything is read", func() bool { return h.fresh() && h.revoked("bad") && h.revoked("worse") })
	require.NoError(t, s.kv("script_status").Delete(t.Context(), "bad"))
	require.NoError(t, s.kv("script_status").Purge(t.Context(), "worse"))
	s.eventually("both are over", func() bool { return !h.revoked("bad") && !h.revoked("worse") })
	require.Zero(t, h.Status().Buckets[3].Kept)
}

func TestSettingsFollowTheGroups(t *testing.T) {
	s := newSite(t)
	s.fill()
	s.put("agent_config", "groups.wave1", `{"heartbeat_interval":"20s","process_perf_top_n":5}`)
	h := s.start(t.TempDir())
	s.eventually("lab's row counts", func() bool { return h.heartbeat() == 10*time.Second })
	before := h.GroupsPut()
	require.WithinDuration(t, time.Now(), before, time.Minute)
	s.put("agent_groups", "PC-1", `{"groups":["wave1","lab"]}`)
	s.eventually("wave1's row counts", func() bool { return h.heartbeat() == 20*time.Second && h.Current().ProcessPerfTopN == 5 })
	require.True(t, h.GroupsPut().After(before))
	s.put("agent_groups", "PC-1", `{"groups":[]}`)
	s.eventually("no group's row counts", func() bool { return h.heartbeat() == time.Minute && h.Current().ProcessPerfTopN == 20 })
	s.put("agent_config", "groups.wave1", `{"heartbeat_interval":"1s"}`)
	s.put("agent_config", "global", `{"heartbeat_interval":"50s"}`)
	s.eventually("a later row counts", func() bool { return h.heartbeat() == 50*time.Second })
	require.NoError(t, s.kv("agent_config").Delete(t.Context(), "global"))
	s.eventually("a deleted one does not", func() bool { return h.heartbeat() == 30*time.Second })
}

func TestABrokenRowIsMended(t *testing.T) {
	s := newSite(t)
	s.fill()
	h := s.start(t.TempDir())
	s.eventually("everything is read", func() bool { return h.fresh() && h.heartbeat() == 10*time.Second })
	s.put("agent_config", "groups.lab", `{"heartbeat_interval":`)
	s.put("agent_groups", "PC-1", ``)
	s.eventually("both are noticed", func() bool {
		st := h.Status()
		return len(st.Buckets[0].Bad) == 1 && len(st.Buckets[1].Bad) == 1
	})
	require.Equal(t, 10*time.Second, h.heartbeat())
	s.put("agent_config", "groups.lab", `{"heartbeat_interval":"11s"}`)
	s.eventually("the mended one counts", func() bool { return h.heartbeat() == 11*time.Second && len(h.Status().Buckets[1].Bad) == 0 })
}

// The backend pins a version and then sends the command. However close the two
// are: the version that was pinned before is no reason to refuse.
func TestANewPinIsNeverOvertakenByItsCommand(t *testing.T) {
	s := newSite(t)
	s.fill()
	h := s.start(t.TempDir())
	s.eventually("everything is read", h.fresh)
	overtaken := 0
	for n := range 200 {
		version := fmt.Sprint("2.0.", n)
		s.put("script_current", "job", version)
		if h.Scripts().Known("job").Refuses(version) {
			overtaken++
		}
		state := h.Scripts().Ask(t.Context(), "job", version)
		require.False(t, state.Refuses(version), "%d: %+v", n, state)
		require.True(t, state.Known && state.Final)
	}
	t.Logf("the view alone would have refused %d of 200 commands", overtaken)
	require.NotZero(t, overtaken, "or this proves nothing")
}

// A broker of a fleet that has no buckets runs commands all the same.
func TestABrokerWithoutBuckets(t *testing.T) {
	s := newEmptySite(t)
	h := s.start(t.TempDir())
	s.eventually("the groups are known to be none", func() bool { groups, _ := h.Groups(); return groups != nil })
	s.eventually("nothing is pinned or revoked", func() bool { return h.Scripts().Ask(t.Context(), "job", "1") == allowedNow })
	s.createBuckets()
	s.put("script_status", "job", "REVOKED")
	s.eventually("a bucket that comes later counts", func() bool { return h.revoked("job") && h.fresh() })
}

var allowedNow = wire.ScriptState{Known: true, Final: true}
