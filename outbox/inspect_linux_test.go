package outbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nobody is the user that a thread of a root process works on files as.
const nobody = 65534

// asUnprivileged runs do as a user without rights over the file system. The
// thread does not come back: it ends with the goroutine.
func asUnprivileged(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, err := unix.SetfsuidRetUid(nobody); err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}

// Reading needs the right to read and nothing else: what is in a backup, or on a
// disk that is mounted read-only, can be looked at too.
func TestReadingNeedsNoWritePermission(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, stuckBox(t, dir).Close())
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if os.Geteuid() == 0 {
			require.NoError(t, os.Lchown(name, nobody, nobody))
		}
		return os.Chmod(name, map[bool]fs.FileMode{true: 0o500, false: 0o400}[d.IsDir()])
	}))
	before := snapshot(t, dir)
	asUnprivileged(t, func() {
		if !canOnlyRead(t, dir) {
			return
		}
		r, err := Inspect(dir)
		if err != nil {
			t.Error(err)
			return
		}
		readEverything(t, r)
	})
	require.Equal(t, before, snapshot(t, dir))
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Chmod(filepath.Join(dir, stuckFolder), 0o700))
}

// canOnlyRead makes sure that the test would notice an attempt to write.
func canOnlyRead(t *testing.T, dir string) bool {
	t.Helper()
	err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600)
	if err == nil {
		t.Error("the folder can be written to")
	}
	return err != nil
}

// readEverything runs on a goroutine of its own, so it must not end the test.
func readEverything(t *testing.T, r *Reader) {
	t.Helper()
	entries, err := r.List()
	if err != nil || len(entries) != 3 {
		t.Error(entries, err)
	}
	for _, e := range entries {
		d, err := r.Detail(e)
		if err != nil || d.Unreadable != nil || e.Stuck != (d.Reason != nil) {
			t.Error(d, err)
		}
		var line bytes.Buffer
		if err := r.Export(&line, "box", e); err != nil {
			t.Error(err)
		}
	}
	found, err := r.Fsck(t.Context(), nil)
	if err != nil || len(found) != 1 || found[0].Kind != FoundStuck {
		t.Error(found, err)
	}
	if _, err := r.Requeue(t.Context(), entries...); !errors.Is(err, fs.ErrPermission) {
		t.Error("requeue:", err)
	}
	if _, err := r.Repair(t.Context(), nil); err == nil {
		t.Error("a repair was possible")
	}
}

// Root's repair leaves nothing behind that the folder's owner cannot use.
func TestRepairByRootGivesToTheOwner(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	owner := os.Geteuid()
	if owner == 0 {
		owner = nobody
		require.NoError(t, os.Chown(dir, owner, owner))
	}
	writeFile(t, dir, "torn.json", "{")
	r := inspectBox(t, dir)
	repaired(t, r)
	for _, name := range []string{".lock", stuckFolder, "stuck/torn.json", "stuck/torn.reason"} {
		var stat unix.Stat_t
		require.NoError(t, unix.Stat(filepath.Join(dir, name), &stat))
		require.EqualValues(t, owner, stat.Uid, name)
	}
	found := check(t, r)
	require.Len(t, found, 1)
	require.Equal(t, FoundStuck, found[0].Kind)
}
