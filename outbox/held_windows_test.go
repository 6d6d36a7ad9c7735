package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// hold opens a file as a scanner does that lets others read, and nothing else.
func hold(t *testing.T, name string) (release func()) {
	t.Helper()
	p, err := windows.UTF16PtrFromString(name)
	require.NoError(t, err)
	h, err := windows.CreateFile(p, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	require.NoError(t, err)
	return func() { require.NoError(t, windows.CloseHandle(h)) }
}

// The file system itself refuses: neither the delivered file can go nor the
// refused one move, until they are let go. The rest goes on.
func TestFilesHeldByAnotherHandle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithBackoff(retry.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond, Factor: 2}))
	put(t, box, "a", "bad", "c")
	a, bad := filepath.Join(dir, "a.json"), filepath.Join(dir, "bad.json")
	releaseA, releaseBad := hold(t, a), hold(t, bad)
	s := stream{refuse: refuseBad(apiError(10054, 400))}
	startDrain(t, box, &s)
	require.Eventually(t, func() bool { return box.Stats().Failed >= 3 && len(s.data()) == 2 }, patience, time.Millisecond)
	require.Equal(t, 2, box.Stats().Pending)
	require.FileExists(t, a)
	require.FileExists(t, bad)
	put(t, box, "d")
	require.Eventually(t, func() bool { return len(s.data()) == 3 }, patience, time.Millisecond)

	releaseA()
	releaseBad()
	require.Eventually(t, func() bool { return box.Stats().Pending == 0 && box.Stats().Stuck == 1 }, patience, time.Millisecond)
	require.NoFileExists(t, a)
	require.Equal(t, []string{"bad.json"}, stuckFiles(t, dir))
	require.Len(t, s.data(), 3, "nothing was delivered twice")
}

// WriteFile waits for whoever holds the name that it replaces.
func TestWriteFileWaitsForTheHolder(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o600))
	release := hold(t, name)
	require.ErrorIs(t, atomicfile.TryRemove(atomicfile.OS, name), windows.ERROR_SHARING_VIOLATION)
	written := make(chan error, 1)
	go func() { written <- atomicfile.WriteFile(atomicfile.OS, name, []byte("new"), 0o600) }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(name + atomicfile.TempSuffix)
		return err == nil || !errors.Is(err, os.ErrNotExist)
	}, patience, time.Millisecond)
	require.Empty(t, written)
	release()
	require.NoError(t, <-written)
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
}
