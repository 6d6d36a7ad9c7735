package outbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func requireOnlyRecords(t testing.TB, dir string, n int) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, list, n+1, "the records and the lock, nothing half written")
}

func TestFullOutboxRejects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log countingHandler
	box := openBox(t, dir, WithLimit(2, 0), WithLogger(log.logger()))
	put(t, box, "a", "b")
	for range 3 {
		require.ErrorIs(t, box.Put(t.Context(), record("c")), ErrFull)
	}
	put(t, box, "a")
	require.Equal(t, Stats{Pending: 2, Put: 2, Kept: 1, Rejected: 3}, counts(box))
	require.EqualValues(t, 1, log.warnings.Load(), "one for the change")
	requireOnlyRecords(t, dir, 2)

	var s stream
	_, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	put(t, box, "c")
	require.EqualValues(t, 1, log.infos.Load())
	require.ErrorIs(t, putTwo(t, box, "d", "e"), ErrFull)
	require.EqualValues(t, 2, log.warnings.Load(), "full anew")
}

// putTwo puts two records and returns the error of the second.
func putTwo(t testing.TB, box *Outbox, first, second string) error {
	put(t, box, first)
	return box.Put(t.Context(), record(second))
}

// sized has a file of the same size each time: a time is written as short as it
// can be.
func sized(name string) Record {
	r := record(name)
	r.Queued = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	return r
}

func TestBytesAreThoseOfTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	require.NoError(t, box.Put(t.Context(), sized("a")))
	size := statOf(t, dir, "a.json").Size()
	require.Equal(t, size, box.Stats().Bytes)
	require.NoError(t, box.Close())

	// The envelope is larger than the payload: it is what counts.
	box = openBox(t, dir, WithLimit(0, 2*size-1))
	require.ErrorIs(t, box.Put(t.Context(), sized("b")), ErrFull)
	requireOnlyRecords(t, dir, 1)
	require.NoError(t, box.Close())
	box = openBox(t, dir, WithLimit(0, 2*size))
	require.NoError(t, box.Put(t.Context(), sized("b")))
	require.NoError(t, box.Close())
	box = openBox(t, t.TempDir(), WithLimit(0, size-1))
	require.ErrorIs(t, box.Put(t.Context(), sized("a")), ErrTooLarge)
	require.NoError(t, box.Close())
	box = openBox(t, t.TempDir(), WithMaxRecordBytes(int(size-1)), WithOverflow(OverflowDropOldest))
	require.ErrorIs(t, box.Put(t.Context(), sized("a")), ErrTooLarge)
	require.Zero(t, box.Stats().Bytes)
}

func TestFullOutboxDropsTheOldest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log countingHandler
	box := openBox(t, dir, WithLimit(3, 0), WithOverflow(OverflowDropOldest), WithLogger(log.logger()))
	for i := range 10 {
		put(t, box, fmt.Sprint(i))
	}
	require.Equal(t, []string{"7.json", "8.json", "9.json"}, files(t, dir))
	require.Equal(t, Stats{Pending: 3, Put: 10, Dropped: 7}, counts(box))
	require.EqualValues(t, 1, log.warnings.Load())
}

// What has failed waits elsewhere, and is the oldest all the same.
func TestWhatWaitsIsDroppedToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithLimit(2, 0), WithOverflow(OverflowDropOldest))
	put(t, box, "bad", "b")
	_, err := box.Flush(t.Context(), &stream{refuse: func(*nats.Msg) error { return errRefused }})
	require.Error(t, err)
	put(t, box, "c", "d")
	require.Equal(t, []string{"c.json", "d.json"}, files(t, dir))
}

// What is stuck counts, and is never dropped.
func TestQuarantineCountsAndStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithLimit(2, 0), WithOverflow(OverflowDropOldest))
	put(t, box, "bad1", "bad2")
	_, err := box.Flush(t.Context(), &stream{refuse: refuseBad(apiError(10054, 400))})
	require.Error(t, err)
	require.Equal(t, 2, box.Stats().Stuck)
	require.ErrorIs(t, box.Put(t.Context(), record("a")), ErrFull)
	require.Equal(t, []string{"bad1.json", "bad2.json"}, stuckFiles(t, dir))
	require.Zero(t, box.Stats().Dropped)
}

func TestLimitsHoldWithManyWriters(t *testing.T) {
	t.Parallel()
	for _, policy := range []Overflow{OverflowReject, OverflowDropOldest} {
		dir := t.TempDir()
		box := openBox(t, dir, WithLimit(7, 2000), WithOverflow(policy))
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 20 {
					err := box.Put(t.Context(), record(fmt.Sprintf("%d-%d", w, i)))
					if err != nil {
						require.ErrorIs(t, err, ErrFull)
					}
				}
			})
		}
		wg.Wait()
		s := box.Stats()
		require.LessOrEqual(t, s.Pending, 7)
		require.LessOrEqual(t, s.Bytes, int64(2000))
		require.EqualValues(t, 160, s.Put+s.Rejected)
		require.EqualValues(t, s.Pending, int64(s.Put)-int64(s.Dropped))
		requireOnlyRecords(t, dir, s.Pending)
		require.Zero(t, box.index.held)
	}
}

// meteredFS says how much disk is free.
type meteredFS struct {
	atomicfile.FS
	free *atomic.Int64
}

func (m meteredFS) FreeDisk(string) (int64, error) { return m.free.Load(), nil }

func TestFreeDiskFloor(t *testing.T) {
	t.Parallel()
	free := new(atomic.Int64)
	free.Store(1 << 30)
	fsys := meteredFS{atomicfile.OS, free}
	rejecting := openBox(t, t.TempDir(), WithFreeDisk(1<<20), WithFS(fsys))
	dropping := openBox(t, t.TempDir(), WithFreeDisk(1<<20), WithFS(fsys), WithOverflow(OverflowDropOldest))
	put(t, rejecting, "a")
	put(t, dropping, "a", "b")
	free.Store(1 << 20)
	require.ErrorIs(t, rejecting.Put(t.Context(), record("b")), ErrFull)
	require.Equal(t, 1, rejecting.Stats().Pending)
	put(t, dropping, "c")
	require.Equal(t, []string{"b.json", "c.json"}, files(t, dropping.dir), "one for one, although the disk does not show it")
	free.Store(1 << 19)
	require.ErrorIs(t, dropping.Put(t.Context(), record("d")), ErrFull, "others fill the disk: emptying the box does not help")
	require.Equal(t, 2, dropping.Stats().Pending)
	free.Store(1 << 21)
	put(t, rejecting, "b")
}

func TestFreeDiskOfThisHost(t *testing.T) {
	t.Parallel()
	free, err := freeDisk(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
	_, err = freeDisk(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	box := openBox(t, t.TempDir(), WithFreeDisk(free/2))
	put(t, box, "a")
	box = openBox(t, t.TempDir(), WithFreeDisk(1<<60))
	require.ErrorIs(t, box.Put(t.Context(), record("a")), ErrFull)
}

func TestBadLimits(t *testing.T) {
	t.Parallel()
	for _, opt := range []Option{
		WithLimit(-1, 0), WithLimit(0, -1), WithFreeDisk(-1), WithMaxRecordBytes(-1), WithOverflow(7),
		WithQuarantineAfter(0), WithLarge(0, func(context.Context, string, io.ReadSeeker, os.FileInfo) (Record, error) { return Record{}, nil }),
	} {
		_, err := Open(t.TempDir(), opt)
		require.ErrorContains(t, err, "outbox: open ")
	}
}

// What is in quarantine is never deleted; deleting the rest for a record that
// finds no room even then would be for nothing.
func TestAFullQuarantineCostsNoPendingRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	for _, name := range []string{"stuck/a.json", "stuck/b.json", "c.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("broken"), 0o600))
	}
	box := openBox(t, dir, WithLimit(2, 0), WithOverflow(OverflowDropOldest))
	require.ErrorIs(t, box.Put(t.Context(), record("new")), ErrFull)
	s := box.Stats()
	require.Equal(t, []int{1, 2}, []int{s.Pending, s.Stuck})
	require.Zero(t, s.Dropped)
}
