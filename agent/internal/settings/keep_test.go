package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

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

func TestSnapshotsThatCannotBeUsedDoNotStopTheStart(t *testing.T) {
	run(t, func(b *bench) {
		require.NoError(t, os.MkdirAll(b.dir, 0o700))
		require.NoError(t, newStore(b.fs, b.dir, "PC-2", "agent_groups").save(snapshot{Rows: map[string]row{"PC-1": {Value: `{"groups":["x"]}`}}}))
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, "script_status.json"), []byte("{"), 0o600))
		require.NoError(t, newStore(b.fs, b.dir, "PC-1", "agent_config").save(snapshot{Rows: map[string]row{"global": {Value: `{"heartbeat_interval":1}`}, "pcs.PC-1": {Value: `{"heartbeat_interval":"7s"}`}}}))
	}, func(t *testing.T, b *bench) {
		require.Nil(t, b.groupsNow(), "those of another host are not ours")
		require.False(t, b.Scripts().Known("a").Known)
		require.Equal(t, 7*time.Second, b.Current().HeartbeatInterval, "rows are checked again")
		require.Equal(t, 2, b.logs.Count("level=WARN"))
		require.FileExists(t, filepath.Join(b.dir, "agent_groups.json.broken"))
		require.FileExists(t, filepath.Join(b.dir, "script_status.json.broken"))
		b.restart()
		require.Equal(t, 2, b.logs.Count("level=WARN"), "once")
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
		require.Equal(t, 1, b.logs.Count("no space left on device"))
		require.True(t, b.Status().Buckets[3].Unsaved)
		disk.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.False(t, b.Status().Buckets[3].Unsaved)
		b.restart()
		require.True(t, b.Scripts().Known("a").Revoked)
	})
}
