package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// bench is settings over views that the test makes up, in virtual time.
type bench struct {
	*Service
	t    *testing.T
	dir  string
	pcID string
	fs   atomicfile.FS
	fake *jstest.Fake
	logs lockedBuffer

	group *supervise.Group

	mu       sync.Mutex
	online   bool
	changed  time.Time
	applies  map[string]func(retry.View)
	keys     map[string]retry.Keys
	observed []map[string]string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run runs a test over settings that were never known.
func run(t *testing.T, prepare func(*bench), test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, dir: filepath.Join(dir, "settings"), pcID: "PC-1", fs: atomicfile.OS, fake: jstest.NewFake(), online: true}
		if prepare != nil {
			prepare(b)
		}
		b.start()
		defer func() { b.stop() }()
		test(t, b)
	})
}

func (b *bench) start() {
	b.applies, b.keys = map[string]func(retry.View){}, map[string]retry.Keys{}
	b.Service = New(Config{
		PCID: b.pcID, Dir: b.dir, FS: b.fs, Watch: b.watch, Rows: retry.NewKVReader(b.fake.Conn()), Connected: b.connected, Since: b.since,
		Observe: b.observe, Logger: slog.New(slog.NewTextHandler(&b.logs, nil)),
	})
	b.Load()
	b.group = supervise.NewGroup(b.t.Context(), slog.New(slog.NewTextHandler(&b.logs, nil)), b.Tasks()...)
	synctest.Wait()
}

func (b *bench) stop() { b.group.Stop() }

func (b *bench) restart() {
	b.stop()
	b.start()
}

func (b *bench) watch(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), _ ...retry.Option) error {
	b.mu.Lock()
	b.applies[bucket], b.keys[bucket] = apply, keys
	b.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (b *bench) connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.online
}

func (b *bench) since() (connected bool, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.online, b.changed
}

func (b *bench) connect(online bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.online, b.changed = online, time.Now()
}

func (b *bench) observe(kind string, payload map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Equal(b.t, ObservationKind, kind)
	b.observed = append(b.observed, payload)
}

// see is a fresh view of a bucket.
func (b *bench) see(bucket string, revision uint64, values ...string) {
	b.seeStale(bucket, time.Time{}, revision, values...)
}

func (b *bench) seeStale(bucket string, since time.Time, revision uint64, values ...string) {
	b.t.Helper()
	b.mu.Lock()
	apply := b.applies[bucket]
	b.mu.Unlock()
	require.NotNil(b.t, apply)
	apply(retry.View{Entries: view(revision, values...), Stale: since})
}

func (b *bench) groupsNow() []string {
	groups, _ := b.Groups()
	return groups
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestNothingIsKnownAtFirst(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		require.Equal(t, wire.DefaultConfig(), b.Current())
		require.Nil(t, b.groupsNow(), "not known is not none")
		require.Equal(t, wire.ScriptState{Age: wire.NeverConnected}, b.Scripts().Known("job"))
		for _, bucket := range b.Status().Buckets {
			require.False(t, bucket.Known)
		}
		b.see("agent_groups", 1)
		require.NotNil(t, b.groupsNow())
		require.Empty(t, b.groupsNow())
	})
}

func TestGroupsAndScopesFollowTheBuckets(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		keys, keysChanged := b.keys["agent_config"]()
		require.Equal(t, []string{"global", "pcs.PC-1"}, keys)
		own, _ := b.keys["agent_groups"]()
		require.Equal(t, []string{"PC-1"}, own)
		_, groupsChanged := b.Groups()
		changed := b.Changed()

		b.see("agent_groups", 3, "PC-1", `{"groups":["wave1","canary","wave1"]}`)
		require.Equal(t, []string{"canary", "wave1"}, b.groupsNow())
		require.True(t, closed(groupsChanged))
		require.True(t, closed(keysChanged))
		require.False(t, closed(changed), "the settings are the same")
		keys, keysChanged = b.keys["agent_config"]()
		require.Equal(t, []string{"global", "groups.canary", "groups.wave1", "pcs.PC-1"}, keys)

		b.see("agent_config", 7, "global", `{"heartbeat_interval":"60s"}`, "groups.canary", `{"heartbeat_interval":"5s"}`)
		require.True(t, closed(changed))
		require.Equal(t, 5*time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, map[string]uint64{"global": 7, "groups.canary": 8}, b.Status().Scopes)

		changed = b.Changed()
		b.see("agent_config", 17, "global", `{"heartbeat_interval":"60s"}`, "groups.canary", `{"heartbeat_interval":"5s"}`)
		require.False(t, closed(changed), "put again is no change")
		require.Equal(t, map[string]uint64{"global": 17, "groups.canary": 18}, b.Status().Scopes)

		b.see("agent_groups", 4, "PC-1", `{"groups":["wave1"]}`)
		require.True(t, closed(changed))
		require.True(t, closed(keysChanged))
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval, "a group's row counts for members")

		_, groupsChanged = b.Groups()
		b.see("agent_groups", 5)
		require.True(t, closed(groupsChanged))
		require.Empty(t, b.groupsNow(), "a row that was deleted is gone")
		b.see("agent_config", 5)
		require.Equal(t, wire.DefaultConfig(), b.Current())
		require.Zero(t, b.logs.count("level=WARN"))
	})
}

func TestABrokenRowLeavesTheLastGoodOneAndIsToldOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("agent_groups", 1, "PC-1", `{"groups":["a"]}`)
		b.see("agent_config", 1, "global", `{"heartbeat_interval":"60s"}`, "groups.a", `{"process_perf_top_n":7}`)
		b.see("script_current", 1, "job", "1.4.0")
		want := b.Current()

		for range 3 {
			b.see("agent_groups", 2, "PC-1", `{"groups":"all"}`)
			b.see("agent_config", 2, "global", `not-json`, "groups.a", `{"process_perf_top_n":-7}`)
			b.see("script_current", 2, "job", "\xff")
		}
		require.Equal(t, []string{"a"}, b.groupsNow())
		require.Equal(t, want, b.Current())
		require.Equal(t, "1.4.0", b.Scripts().Known("job").Version)
		require.Equal(t, 4, b.logs.count("level=WARN"))
		require.Equal(t, 1, b.logs.count(`field \"process_perf_top_n\"`))
		require.Len(t, b.observed, 4)
		require.Equal(t, "agent_groups", b.observed[0]["bucket"])
		require.Equal(t, "PC-1", b.observed[0]["key"])
		require.Equal(t, "2", b.observed[0]["revision"])
		require.Contains(t, b.observed[0]["problem"], "expected an array of strings")
		require.Equal(t, []string{"global", "groups.a"}, b.Status().Buckets[1].Bad)

		b.see("agent_config", 3, "global", `still-not-json`, "groups.a", `{"process_perf_top_n":8}`)
		require.Equal(t, 5, b.logs.count("level=WARN"), "another revision")
		require.Equal(t, 8, b.Current().ProcessPerfTopN)
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval)
		b.see("agent_config", 5, "global", `{"heartbeat_interval":"10s"}`, "groups.a", `{"process_perf_top_n":8}`)
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval, "mended")
		require.Empty(t, b.Status().Buckets[1].Bad)

		b.restart()
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, []string{"a"}, b.groupsNow())
	})
}

func TestAValueOutsideItsBoundsIsToldOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for range 3 {
			b.see("agent_config", 4, "global", `{"heartbeat_interval":"0s"}`)
		}
		require.Equal(t, time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, 1, b.logs.count("level=WARN"))
		require.Equal(t, []map[string]string{{
			"bucket": "agent_config", "key": "global", "revision": "4",
			"problem": `heartbeat_interval: "0s" is outside 1s to 1day; 1s is used`,
		}}, b.observed)
		b.see("agent_groups", 1, "PC-1", `{"groups":["a","b","c.*"]}`)
		require.Equal(t, []string{"a", "b"}, b.groupsNow())
		require.Equal(t, 2, b.logs.count("level=WARN"))
		b.see("agent_config", 4, "global", `{"heartbeat_interval":"0s"}`, "groups.a", `{"target_version":"1"}`, "groups.b", `{"target_version":"1"}`)
		require.Equal(t, 1, b.logs.count("set by 2 groups of this host, in this order: a, b"))
	})
}

// A restart without a broker knows everything that the last run knew, also the
// last good value of a row that is broken.
func TestARestartKnowsWhatWasKnown(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("agent_groups", 1, "PC-1", `{"groups":["lab"]}`)
		b.see("agent_config", 1, "groups.lab", `{"heartbeat_interval":"10s"}`, "pcs.PC-1", `{"target_version":"2"}`)
		b.see("script_current", 1, "a", "1.0", "b", "")
		b.see("script_status", 1, "a", "ACTIVE", "b", "REVOKED", "c", "REVOKED")
		b.see("script_status", 5, "a", "ACTIVE", "b", "broken")
		want, groups := b.Current(), b.groupsNow()
		synctest.Wait()
		b.connect(false)
		b.restart()
		require.Equal(t, want, b.Current())
		require.Equal(t, groups, b.groupsNow())
		s := b.Scripts()
		require.Equal(t, wire.ScriptState{Known: true, Pinned: true, Version: "1.0", Age: wire.NeverConnected}, s.Known("a"))
		require.Equal(t, wire.ScriptState{Known: true, Pinned: true, Revoked: true, Age: wire.NeverConnected}, s.Known("b"))
		require.True(t, s.Known("c").Revoked, "its row vanished without having been deleted")
		for _, bucket := range b.Status().Buckets {
			require.True(t, bucket.Known)
			require.False(t, bucket.Read)
			require.False(t, bucket.Stale.IsZero())
		}
		keys, _ := b.keys["agent_config"]()
		require.Contains(t, keys, "groups.lab")
	})
}

func TestAgeCountsFromTheLoss(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_current", 1)
		require.Equal(t, wire.NeverConnected, b.Scripts().Known("a").Age, "the other bucket was never read")
		b.see("script_status", 1)
		require.Zero(t, b.Scripts().Known("a").Age)
		time.Sleep(72 * time.Hour)
		require.Zero(t, b.Scripts().Known("a").Age, "fresh for as long as nothing else is said")
		b.seeStale("script_status", time.Now(), 1)
		require.Equal(t, time.Duration(1), b.Scripts().Known("a").Age)
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, b.Scripts().Known("a").Age)
		b.see("script_status", 1)
		require.Zero(t, b.Scripts().Known("a").Age)
		b.stop()
		require.NotZero(t, b.Scripts().Known("a").Age, "nobody keeps it fresh any more")
	})
}

func TestABucketThatHoldsTooMuchLeavesItsLastGoodView(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_status", 1)
		b.see("script_current", 1, "a", "1")
		rows, long := []string{"a", "2"}, strings.Repeat("9", 1024)
		for i := range maxBytes / len(long) {
			rows = append(rows, fmt.Sprint("job-", i), long)
		}
		for range 2 {
			b.see("script_current", 2, rows...)
		}
		time.Sleep(time.Minute)
		want := wire.ScriptState{Known: true, Pinned: true, Version: "1", Age: time.Minute}
		require.Equal(t, want, b.Scripts().Known("a"))
		require.Equal(t, 1, b.logs.count("more than 8388608 bytes"))
		b.see("script_current", 2, "a", "2")
		want.Version, want.Age = "2", 0
		require.Equal(t, want, b.Scripts().Known("a"))
	})
}

func TestAPCIDThatNoKeyCanHold(t *testing.T) {
	run(t, func(b *bench) { b.pcID = "größe" }, func(t *testing.T, b *bench) {
		require.NotNil(t, b.groupsNow())
		require.Empty(t, b.groupsNow())
		require.NotContains(t, b.applies, "agent_groups")
		keys, _ := b.keys["agent_config"]()
		require.Equal(t, []string{"global"}, keys)
		require.Equal(t, 1, b.logs.count("its pc_id cannot be a key of a bucket"))
		b.see("agent_config", 1, "global", `{"heartbeat_interval":"10s"}`)
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval)
	})
}

func TestSnapshotsThatCannotBeUsedDoNotStopTheStart(t *testing.T) {
	run(t, func(b *bench) {
		require.NoError(t, os.MkdirAll(b.dir, 0o700))
		other := store{fs: atomicfile.OS, dir: b.dir, pcID: "PC-2"}
		require.NoError(t, other.save(snapshot{Bucket: "agent_groups", Rows: map[string]row{"PC-1": {Value: `{"groups":["x"]}`}}}))
		require.NoError(t, os.WriteFile(other.path("script_status"), []byte("{"), 0o600))
		own := store{fs: atomicfile.OS, dir: b.dir, pcID: "PC-1"}
		require.NoError(t, own.save(snapshot{Bucket: "agent_config", Rows: map[string]row{"global": {Value: `{"heartbeat_interval":1}`}, "pcs.PC-1": {Value: `{"heartbeat_interval":"7s"}`}}}))
	}, func(t *testing.T, b *bench) {
		require.Nil(t, b.groupsNow(), "those of another host are not ours")
		require.False(t, b.Scripts().Known("a").Known)
		require.Equal(t, 7*time.Second, b.Current().HeartbeatInterval, "rows are checked again")
		require.Equal(t, 2, b.logs.count("level=WARN"))
		require.FileExists(t, filepath.Join(b.dir, "agent_groups.json.broken"))
		require.FileExists(t, filepath.Join(b.dir, "script_status.json.broken"))
		b.restart()
		require.Equal(t, 2, b.logs.count("level=WARN"), "once")
	})
}

// countFS counts what becomes durable, and can be full.
type countFS struct {
	atomicfile.FS
	mu      sync.Mutex
	renames int
	full    bool
}

func (f *countFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return errors.New("no space left on device")
	}
	f.renames++
	return f.FS.Rename(from, to)
}

func (f *countFS) set(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

func (f *countFS) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.renames
}

func TestSnapshotsAreWrittenWhenContentsChangeAndBurstsShareAWrite(t *testing.T) {
	disk := &countFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		b.see("script_current", 1, "a", "1")
		time.Sleep(saveTogether)
		synctest.Wait()
		require.Equal(t, 1, disk.count(), "a change alone is written as soon as others had time to join it")
		for n := range 100 {
			b.see("script_current", 2, "a", fmt.Sprint(n))
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 2, disk.count())
		for n := range 100 {
			b.see("script_current", uint64(n), "a", "99")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 2, disk.count(), "the same value put again is not")
		b.see("script_current", 2, "a", "x")
		b.see("script_current", 2, "a", "y")
		b.stop()
		b.start()
		require.Equal(t, "y", b.Scripts().Known("a").Version, "a stop writes what is left")
	})
}

func TestAFullDiskIsToldOnceAndMended(t *testing.T) {
	disk := &countFS{FS: atomicfile.OS, full: true}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		b.see("script_status", 1, "a", "REVOKED")
		time.Sleep(time.Hour)
		require.Equal(t, 1, b.logs.count("no space left on device"))
		require.True(t, b.Status().Buckets[3].Unsaved)
		disk.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.False(t, b.Status().Buckets[3].Unsaved)
		b.restart()
		require.True(t, b.Scripts().Known("a").Revoked)
	})
}
