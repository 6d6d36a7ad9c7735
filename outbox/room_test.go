package outbox

import (
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestRoomTellsWhatAPutWouldFind(t *testing.T) {
	t.Parallel()
	fsys := meteredFS{atomicfile.OS, new(atomic.Int64)}
	fsys.free.Store(10 << 20)
	box := openBox(t, t.TempDir(), WithLimit(3, 1<<20), WithFreeDisk(1<<20), WithFS(fsys))
	require.NoError(t, box.Room(3, 1<<20))
	require.ErrorIs(t, box.Room(4, 0), ErrFull)
	require.ErrorIs(t, box.Room(1, 1<<20+1), ErrFull)
	put(t, box, "a", "b")
	require.NoError(t, box.Room(1, 1000), "nothing was reserved")
	require.ErrorIs(t, box.Room(2, 0), ErrFull)
	fsys.free.Store(1<<20 + 999)
	require.ErrorIs(t, box.Room(1, 1000), ErrFull)
	require.NoError(t, box.Room(1, 999))
	require.Zero(t, box.Stats().Rejected, "a question is no Put")
}

func TestRoomOfABoxWithoutBounds(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "box")
	box := openBox(t, dir)
	require.NoError(t, box.Room(1<<20, 1<<10))
	require.ErrorIs(t, box.Room(1, math.MaxInt64), ErrFull, "there is no such disk")
	require.NoError(t, box.Close()) // Windows keeps a folder with an open file
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorIs(t, box.Room(1, 0), os.ErrNotExist)
}
