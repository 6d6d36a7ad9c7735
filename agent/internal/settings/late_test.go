package settings

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// blindFS cannot read one file.
type blindFS struct {
	*countFS
	name         string
	blind, stuck bool
}

func (f *blindFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	f.mu.Lock()
	blind := f.blind
	f.mu.Unlock()
	if blind && flag == os.O_RDONLY && strings.HasSuffix(name, f.name) {
		return nil, &os.PathError{Op: "read", Path: name, Err: os.ErrPermission}
	}
	return f.FS.OpenFile(name, flag, perm)
}

func (f *blindFS) Rename(from, to string) error {
	f.mu.Lock()
	stuck := f.stuck && strings.HasSuffix(to, statefile.UnreadableSuffix)
	f.mu.Unlock()
	if stuck {
		return &os.PathError{Op: "rename", Path: from, Err: os.ErrPermission}
	}
	return f.countFS.Rename(from, to)
}

func (f *blindFS) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// blinded runs a test over a host whose snapshot of the revocations cannot be read.
func blinded(t *testing.T, test func(t *testing.T, b *bench, disk *blindFS)) {
	t.Helper()
	disk := &blindFS{countFS: &countFS{FS: atomicfile.OS}, blind: true, name: "script_status.json"}
	run(t, func(b *bench) {
		b.fs = disk
		require.NoError(t, newStore(disk, b.dir, b.pcID, "script_status").save(snapshot{
			Saved: time.Now().Add(-time.Hour),
			Rows: map[string]row{
				"bad": {Value: "REVOKED", Revision: 7}, "gone": {Value: "REVOKED", Revision: 3, Kept: true}, "good": {Value: "ACTIVE", Revision: 8},
			},
		}))
	}, func(t *testing.T, b *bench) { test(t, b, disk) })
}

// A snapshot that cannot be read now, because another program holds it, is read
// later: what only it knows is not lost to the first write.
func TestASnapshotThatCannotBeReadIsReadLater(t *testing.T) {
	blinded(t, func(t *testing.T, b *bench, disk *blindFS) {
		require.False(t, b.Scripts().Known("bad").Known)
		require.True(t, b.Status().Buckets[3].Unsaved)
		require.Len(t, b.Status().Buckets[3].Problems, 1)
		b.see("script_current", 1)
		b.see("script_status", 1, "worse", "REVOKED", "good", "ACTIVE")
		require.False(t, b.Scripts().Known("bad").Revoked)
		time.Sleep(saveEvery)
		synctest.Wait()
		require.False(t, b.Status().Buckets[2].Unsaved, "the others are written")
		require.True(t, b.Status().Buckets[3].Unsaved)
		time.Sleep(statefile.ReadAgainFor / 2)
		b.restart()
		require.False(t, b.Scripts().Known("bad").Known, "it was not written over")
		b.see("script_current", 1)
		b.see("script_status", 1, "worse", "REVOKED", "good", "ACTIVE")
		disk.change(func() { disk.blind = false })
		time.Sleep(saveAgain)
		synctest.Wait()
		for _, id := range []string{"bad", "gone", "worse"} {
			require.True(t, b.Scripts().Known(id).Revoked, id)
		}
		require.Equal(t, wire.ScriptState{Known: true}, b.Scripts().Known("good"))
		require.Equal(t, 2, b.Status().Buckets[3].Kept)
		require.Empty(t, b.Status().Buckets[3].Problems)
		require.Equal(t, 2, b.logs.Count("snapshot cannot be read"), "once in each run")
		b.restart()
		require.True(t, b.Scripts().Known("bad").Revoked)
		require.True(t, b.Scripts().Known("worse").Revoked)
	})
}

// Without a broker the late snapshot is all there is.
func TestALateSnapshotIsTakenWhole(t *testing.T) {
	blinded(t, func(t *testing.T, b *bench, disk *blindFS) {
		b.scripts.status.missing()
		require.True(t, b.scripts.status.get("bad").known)
		disk.change(func() { disk.blind = false })
		time.Sleep(saveAgain)
		synctest.Wait()
		require.True(t, b.Scripts().Known("bad").Revoked)
		require.Equal(t, 3, b.Status().Buckets[3].Rows)
		require.Equal(t, 1, b.Status().Buckets[3].Kept)
		b.see("script_status", 9, "bad", "ACTIVE")
		require.False(t, b.Scripts().Known("bad").Revoked)
	})
}

// One that can never be read is set aside, for who can mend it, and the next one is
// written.
func TestASnapshotThatCanNeverBeReadIsSetAside(t *testing.T) {
	blinded(t, func(t *testing.T, b *bench, disk *blindFS) {
		disk.change(func() { disk.stuck = true })
		b.see("script_status", 1, "worse", "REVOKED")
		time.Sleep(statefile.ReadAgainFor + time.Minute)
		synctest.Wait()
		require.True(t, b.Status().Buckets[3].Unsaved, "it cannot even be set aside")
		before, err := os.ReadFile(b.scripts.status.store.Path)
		require.NoError(t, err)
		disk.change(func() { disk.stuck = false })
		time.Sleep(saveAgain)
		synctest.Wait()
		aside, err := os.ReadFile(b.scripts.status.store.Path + statefile.UnreadableSuffix)
		require.NoError(t, err)
		require.Equal(t, before, aside, "nothing is lost")
		require.False(t, b.Status().Buckets[3].Unsaved)
		require.Equal(t, 1, b.logs.Count("was set aside"))
		disk.change(func() { disk.blind = false })
		b.restart()
		require.True(t, b.Scripts().Known("worse").Revoked)
	})
}

// An unreadable snapshot and no broker: nothing is known, and nothing else is written
// in its place.
func TestAnUnreadableSnapshotAloneIsNotReplacedByNothing(t *testing.T) {
	blinded(t, func(t *testing.T, b *bench, disk *blindFS) {
		time.Sleep(statefile.ReadAgainFor + time.Minute)
		synctest.Wait()
		require.NoFileExists(t, b.scripts.status.store.Path)
		b.restart()
		require.False(t, b.scripts.status.get("bad").known)
		require.NoError(t, os.Rename(b.scripts.status.store.Path+statefile.UnreadableSuffix, b.scripts.status.store.Path))
		disk.change(func() { disk.blind = false })
		b.restart()
		require.True(t, b.scripts.status.get("bad").there)
	})
}

// What a late snapshot brings is not lost to the next view.
func TestAViewDoesNotDropWhatALateSnapshotBrought(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		m := b.scripts.status
		m.join(&snapshot{Rows: map[string]row{
			"bad": {Value: "REVOKED", Revision: 3}, "good": {Value: "REVOKED", Revision: 4}, "old": {Value: "ACTIVE", Revision: 5},
		}})
		m.apply(t.Context(), retry.View{Entries: view(9, "good", "ACTIVE", "back", "ACTIVE")})
		require.True(t, m.get("bad").there)
		require.Equal(t, "ACTIVE", m.get("good").value)
		require.False(t, m.get("old").there)
		m.join(&snapshot{Rows: map[string]row{"back": {Value: "REVOKED", Revision: 30, Put: time.Now()}}})
		require.Equal(t, "REVOKED", m.get("back").value, "the bucket was set back to a backup")
		m.apply(t.Context(), retry.View{Entries: view(9, "back", "ACTIVE")})
		require.Equal(t, "REVOKED", m.get("back").value)
	})
}

// The last good rows of those that are broken now are in the snapshot that is read
// late; a row that was deleted is not.
func TestTheLastGoodRowIsReadLate(t *testing.T) {
	disk := &blindFS{countFS: &countFS{FS: atomicfile.OS}, blind: true, name: "agent_config.json"}
	run(t, func(b *bench) {
		b.fs = disk
		require.NoError(t, newStore(disk, b.dir, b.pcID, "agent_config").save(snapshot{Saved: time.Now(), Rows: map[string]row{
			"global": {Value: `{"heartbeat_interval":"60s"}`, Revision: 3}, "pcs.PC-1": {Value: `{"heartbeat_interval":"5s"}`, Revision: 4},
		}}))
	}, func(t *testing.T, b *bench) {
		b.see("agent_config", 7, "global", "not-json")
		require.Equal(t, wire.DefaultConfig(), b.Current())
		disk.change(func() { disk.blind = false })
		time.Sleep(saveAgain)
		synctest.Wait()
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval)
		b.see("agent_config", 7, "global", "not-json")
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval)
		b.restart()
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval)
	})
}
