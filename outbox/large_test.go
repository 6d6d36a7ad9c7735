package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// digest stands for a hook that stores the bulk elsewhere.
func digest(_ context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (Record, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return Record{}, err
	}
	if n != info.Size() {
		return Record{}, fmt.Errorf("%d of %d bytes", n, info.Size())
	}
	return Record{MsgID: "id-" + name, Subject: "test.large", Data: fmt.Appendf(nil, "%x", sum.Sum(nil))}, nil
}

func TestLargeFilesGoThroughTheHook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithLarge(1000, digest))
	put(t, box, "small")
	content := bytes.Repeat([]byte("x"), 1001)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large.json"), content, 0o600))
	var hooked Record
	box.opt.beforeRemove = func(_ context.Context, r Record) error {
		if r.Subject == "test.large" {
			hooked = r
		}
		return nil
	}
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 2, sent)
	require.Contains(t, s.data(), fmt.Sprintf("%x", sha256.Sum256(content)))
	require.Equal(t, "large", hooked.Name)
	require.False(t, hooked.Queued.IsZero())
	require.Empty(t, files(t, dir))
}

// The memory that a drain needs does not depend on the size of the file.
func TestLargeFileCostsLittleMemory(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "large.json"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(64<<20))
	require.NoError(t, f.Close())
	box := openBox(t, dir, WithLarge(1<<20, digest))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sent, err := box.Flush(t.Context(), &stream{})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestErrorsOfTheHook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var fail atomic.Pointer[error]
		setFail := func(err error) { fail.Store(&err) }
		setFail(errRefused)
		var tries atomic.Int32
		box := openBox(t, dir, WithQuarantineAfter(1), WithLarge(1000, func(ctx context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (Record, error) {
			tries.Add(1)
			if err := *fail.Load(); err != nil {
				return Record{}, err
			}
			return digest(ctx, name, file, info)
		}))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "large.json"), make([]byte, 1001), 0o600))
		var s stream
		startDrain(t, box, &s)
		for i := range 60 {
			put(t, box, fmt.Sprint(i))
			elapse(time.Minute)
		}
		require.Greater(t, tries.Load(), int32(10))
		require.Zero(t, box.Stats().Stuck, "its failures do not count")
		setFail(retry.Permanent(errRefused))
		elapse(10 * time.Minute)
		require.Equal(t, []string{"large.json"}, stuckFiles(t, dir))
		require.Equal(t, ReasonRefused, reasonOf(t, dir, "large").Kind)
		setFail(fmt.Errorf("%w: torn", ErrUnreadable))
		elapse(stuckEvery + stuckJitter)
		require.Equal(t, ReasonUnreadable, reasonOf(t, dir, "large").Kind)
		require.Equal(t, 1, box.Stats().Corrupt)
		setFail(nil)
		elapse(stuckEvery + stuckJitter)
		require.Empty(t, stuckFiles(t, dir))
		require.Zero(t, box.Stats().Corrupt)
		require.Len(t, s.data(), 61)
	})
}

// Uploads that take long leave the window to the others, and end with the
// connection.
func TestSlowLoadsHoldUpNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := newLink(true)
		var loading atomic.Int32
		box := openBox(t, dir, WithTransport(l), WithWindow(2), WithLarge(1000, func(ctx context.Context, _ string, _ io.ReadSeeker, _ fs.FileInfo) (Record, error) {
			loading.Add(1)
			defer loading.Add(-1)
			<-ctx.Done()
			return Record{}, ctx.Err()
		}))
		for i := range 10 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("large%d.json", i)), make([]byte, 1001), 0o600))
		}
		for i := range 50 {
			require.NoError(t, box.Put(t.Context(), Record{Name: fmt.Sprint(i), MsgID: "i", Subject: "s"}))
		}
		var s stream
		startDrain(t, box, publisherFunc(func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) { return s.PublishMsg(ctx, m) }))
		synctest.Wait()
		require.EqualValues(t, maxLoads, loading.Load())
		require.Equal(t, 10, box.Stats().Pending)
		require.Equal(t, maxLoads, box.Stats().InFlight)
		l.set(false)
		synctest.Wait()
		require.Zero(t, loading.Load())
		require.Zero(t, box.Stats().InFlight)
		require.Zero(t, box.Stats().Failed)
	})
}

// After the acknowledgement only the hook is tried again, not the upload.
func TestLargeRecordIsLoadedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loads, hooks := 0, 0
	box := openBox(t, dir,
		WithLarge(10, func(ctx context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (Record, error) {
			loads++
			return digest(ctx, name, file, info)
		}),
		WithBeforeRemove(func(_ context.Context, r Record) error {
			require.Equal(t, "test.large", r.Subject)
			if hooks++; hooks < 3 {
				return errRefused
			}
			return nil
		}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large.json"), make([]byte, 1001), 0o600))
	var s stream
	for range 2 {
		_, err := box.Flush(t.Context(), &s)
		require.ErrorIs(t, err, errRefused)
	}
	_, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, loads)
	require.Equal(t, 1, s.tried())
}
