package outbox

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A running Drain finds what was requeued beside it, and keeps nothing of its
// time in quarantine.
func TestRequeueBesideADrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		s := stream{refuse: refuseBad(apiError(10054, 400))}
		put(t, box, "bad1", "bad2", "good")
		startDrain(t, box, &s)
		synctest.Wait()
		require.Equal(t, 2, box.Stats().Stuck)
		elapse(10 * time.Minute)
		s.setRefuse(nil)
		r := inspectBox(t, dir)
		moved, err := r.Requeue(t.Context(), findOne(t, r, "bad1"), findOne(t, r, "bad2"))
		require.NoError(t, err)
		require.Equal(t, 2, moved)
		require.Empty(t, stuckFiles(t, dir))
		elapse(rescanEvery)
		require.ElementsMatch(t, []string{"data of good", "data of bad1", "data of bad2"}, s.data())
		require.Zero(t, box.Stats().Stuck)
		require.Zero(t, box.Stats().Pending)
		left, err := os.ReadDir(filepath.Join(dir, stuckFolder))
		require.NoError(t, err)
		require.Empty(t, left, "the reasons are gone")
	})
}

func TestRequeueReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, stuckBox(t, dir).Close())
	writeFile(t, dir, "bad.json", "somebody else's")
	r := inspectBox(t, dir)
	before := snapshot(t, dir)
	stuck := findOne(t, r, "stuck/bad.json")
	moved, err := r.Requeue(t.Context(), findOne(t, r, "plain"), stuck)
	require.ErrorIs(t, err, fs.ErrExist)
	require.Zero(t, moved)
	require.Equal(t, before, snapshot(t, dir))
	require.NoError(t, os.Remove(filepath.Join(dir, "bad.json")))
	moved, err = r.Requeue(t.Context(), stuck)
	require.NoError(t, err)
	require.Equal(t, 1, moved)
	_, err = r.Requeue(t.Context(), stuck)
	require.ErrorIs(t, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Requeue(ctx, stuck)
	require.ErrorIs(t, err, context.Canceled)
}

// Puts of a name meet the requeue of its record: the first record stays.
func TestRequeueAmongPuts(t *testing.T) {
	t.Parallel()
	for range 50 {
		dir := t.TempDir()
		box := stuckBox(t, dir)
		r := inspectBox(t, dir)
		stuck := findOne(t, r, "bad")
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				later := record("bad")
				later.Data = fmt.Append(nil, "later ", i)
				for range 5 {
					require.NoError(t, box.Put(context.Background(), later))
				}
			})
		}
		_, err := r.Requeue(t.Context(), stuck)
		require.NoError(t, err)
		all.Wait()
		var s stream
		_, err = box.Flush(t.Context(), &s)
		require.NoError(t, err)
		got := s.data()
		slices.Sort(got)
		require.Equal(t, []string{"data of Needs/Hash", "data of bad", "data of plain"}, got)
		require.NoError(t, box.Close())
	}
}
