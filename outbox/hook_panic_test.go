package outbox

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func leaveLarge(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), make([]byte, 1001), 0o600))
	}
}

func TestALargeFileThatTheHookCannotBearIsSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithLarge(1000, func(ctx context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (Record, error) {
		if name == "bad" {
			panic("cannot bear it")
		}
		return digest(ctx, name, file, info)
	}))
	leaveLarge(t, dir, "bad", "good")
	var s stream
	startDrain(t, box, &s)
	require.Eventually(t, func() bool { return box.Stats().Sent == 1 && box.Stats().Stuck == 1 }, patience, time.Millisecond)
	require.Equal(t, []string{"bad.json"}, stuckFiles(t, dir))
	why, err := os.ReadFile(filepath.Join(dir, stuckFolder, "bad.reason"))
	require.NoError(t, err)
	require.Contains(t, string(why), "load hook panicked: cannot bear it")
}

func TestAPanicBeforeTheRemovalIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var mended atomic.Bool
		var tries atomic.Int32
		box := openBox(t, dir, WithBeforeRemove(func(_ context.Context, r Record) error {
			if r.Name == "bad" && !mended.Load() {
				tries.Add(1)
				panic("cannot bear it")
			}
			return nil
		}))
		var s stream
		put(t, box, "bad", "good")
		startDrain(t, box, &s)
		elapse(10 * time.Minute)
		require.Equal(t, []string{"bad.json"}, files(t, dir))
		require.Greater(t, tries.Load(), int32(3))
		require.Less(t, tries.Load(), int32(20), "with pauses")
		mended.Store(true)
		elapse(10 * time.Minute)
		require.Empty(t, files(t, dir))
		require.Equal(t, 2, s.tried(), "each was published once")
	})
}

type panickyVerifier struct{ JSONEnvelope }

func (panickyVerifier) Verify(string, io.Reader) error { panic("cannot bear it") }

// A Put that finds such a file in its way treats it like one that is no record.
func TestAFileThatCannotBeVerifiedIsNoRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithCodec(panickyVerifier{}), WithLarge(1000, digest))
	leaveLarge(t, dir, "a")
	require.NotPanics(t, func() { put(t, box, "a") })
	require.EqualValues(t, 1, box.Stats().Put, "it was not taken for the record")
	var unreadable *undecodable
	require.ErrorAs(t, box.verify("a.json", 1<<20), &unreadable)
}
