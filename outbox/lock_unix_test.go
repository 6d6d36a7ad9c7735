//go:build unix

package outbox

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A child that a process has forked holds its files, locked ones too, until its
// exec. A box that was closed in that window must open again.
func TestALockThatAChildStillHoldsIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	fd, err := syscall.Dup(int(box.lock.(*os.File).Fd())) // as fork does
	require.NoError(t, err)
	require.NoError(t, box.Close())
	probe, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	require.NoError(t, err)
	require.ErrorIs(t, syscall.Flock(int(probe.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
	require.NoError(t, probe.Close())

	exec := sync.OnceFunc(func() { require.NoError(t, syscall.Close(fd)) })
	defer exec()
	time.AfterFunc(100*time.Millisecond, exec)
	openBox(t, dir)
}

func TestALockThatIsALinkIsRefused(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, lockName)))
	_, err := Open(dir)
	require.ErrorIs(t, err, syscall.ELOOP)
	require.NoFileExists(t, elsewhere)
}
