package statedir

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mark that is there, but cannot be looked at, is a mark.
func TestAFolderThatCannotBeSearchedIsNotRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, "outbox/", "stranger")
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if os.Geteuid() == 0 { // root searches all: a thread becomes somebody else, who may list the folder
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
		require.NoError(t, os.Chmod(dir, 0o744))
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		filesAs(65534)
		defer filesAs(0)
	} else {
		require.NoError(t, os.Chmod(dir, 0o400))
	}
	_, err := os.Lstat(filepath.Join(dir, "outbox"))
	require.ErrorIs(t, err, os.ErrPermission)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Empty(t, Foreign(dir))
}

// filesAs changes who this thread is for files. The call has no error.
func filesAs(uid uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0) }
