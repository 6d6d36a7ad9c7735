package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// TestDiskFaultAtEveryStep lets one operation fail, or three in a row, at every
// place of a scenario; then the disk recovers. Whoever is told of an error does
// it again, and must succeed. In the end nothing is left over; and where only one
// operation failed, everything is safe from a power cut, although it was a sync
// that has dropped what it had. (After a failed sync of a folder the file goes, so
// that no later sync is trusted with its name. Where even that fails, it stays.)
func TestDiskFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
			for _, row := range []int{1, 3} {
				t.Run(fmt.Sprintf("%v/%v/%d", model, fault, row), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { faultEverywhere(t, model, fault, row) })
				})
			}
		}
	}
}

func faultEverywhere(t *testing.T, model faultfs.Model, fault error, row int) {
	t.Helper()
	for at := 1; ; at++ {
		disk := faultfs.New(0, model)
		disk.Fail(at, at+row-1, fault)
		w := newWorld(faultfs.Unchanged(disk))
		powerCut := func() error { return disk.EachSurvivor(w.promise().Check) }
		if row > 1 {
			powerCut = func() error { return nil }
		}
		require.NoError(t, w.despite(fault, powerCut), "a fault at step %d", at)
		if disk.Steps() < at {
			require.Greater(t, at, 40, "the scenario has that many steps")
			return
		}
	}
}

// despite goes through the life of records on a disk that fails at times, and
// looks after each part of it at what a power cut would leave.
func (w *world) despite(fault error, powerCut func() error) error {
	for i, do := range []func() error{
		w.again(fault, w.open),
		w.again(fault, w.puts("a")), w.again(fault, w.puts("bad")), w.again(fault, w.puts("b")),
		w.again(fault, w.puts("a")),
		w.settles(fault, 1),
		w.again(fault, w.puts("c")), w.again(fault, w.puts("bad")),
		w.settles(fault, 1),
		w.again(fault, w.puts("d")),
		w.again(fault, w.restart),
		func() error { w.refuse = ""; return nil },
		w.settles(fault, 0),
		w.again(fault, w.puts("e")),
		w.again(fault, w.restart),
		func() error { return leftOvers(w.m.FS) },
		func() error { return w.box.Close() },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		if err := powerCut(); err != nil {
			return fmt.Errorf("part %d, then a power cut: %w", i, err)
		}
	}
	return nil
}

// again does something until it succeeds, which takes one attempt more than the
// disk has faults, at the most. Its error must be the disk's.
func (w *world) again(fault error, do func() error) func() error {
	return func() error {
		var err error
		for range 4 {
			if err = do(); err == nil {
				return nil
			}
			if !errors.Is(err, fault) {
				return fmt.Errorf("not an error of the disk: %w", err)
			}
		}
		return fmt.Errorf("not even at the fourth attempt: %w", err)
	}
}

// settles flushes until only so many records are left, all of them in quarantine.
func (w *world) settles(fault error, left int) func() error {
	return func() error {
		for range 6 {
			_, err := w.box.Flush(context.Background(), w)
			s := w.box.Stats()
			if s.Pending == 0 && s.Stuck == left {
				return w.wrong
			}
			if err == nil { // what is in quarantine waits for a day or a restart
				err = w.again(fault, w.restart)()
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, fault) && !strings.Contains(err.Error(), "as the server says") {
				return err
			}
		}
		return fmt.Errorf("the box does not get empty: %+v", w.box.Stats())
	}
}

// TestFailedPutLeavesNothing: the name is free again, the disk has as many files
// as before, and the next Put of the name is the one that counts.
func TestFailedPutLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for at := 1; ; at++ {
			disk := faultfs.New(0, model)
			box, err := Open(crashBox, WithFS(disk))
			require.NoError(t, err)
			opened := disk.Steps()
			disk.Fail(opened+at, opened+at, syscall.ENOSPC)
			err = box.Put(t.Context(), record("a"))
			if err == nil {
				require.NoError(t, box.Close())
				require.GreaterOrEqual(t, at, 4, "create, write, sync and rename were tried")
				break
			}
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.Equal(t, Stats{}, box.Stats(), "a fault at step %d", at)
			list, err := disk.ReadDir(crashBox)
			require.NoError(t, err)
			require.Len(t, list, 1, "only the lock is there; a fault at step %d", at)

			second := record("a")
			second.Data = []byte("second")
			require.NoError(t, box.Put(t.Context(), second))
			var s stream
			_, err = box.Flush(t.Context(), &s)
			require.NoError(t, err)
			require.Equal(t, []string{"second"}, s.data())
			require.NoError(t, box.Close())
		}
	}
}

// A name that another process holds open can be neither moved nor removed. It is
// tried again until it is let go; the rest goes on meanwhile, and nothing is
// delivered under a second name.
func TestNameHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := faultfs.New(0, faultfs.NTFS)
		require.NoError(t, atomicfile.MkdirAll(disk, crashBox, 0o700))
		box := openBox(t, crashBox, WithFS(disk))
		put(t, box, "a", "bad", "c")
		releaseA, releaseBad := disk.Hold(crashBox+"/a.json"), disk.Hold(crashBox+"/bad.json")
		s := stream{refuse: refuseBad(apiError(10054, 400))}
		startDrain(t, box, &s)
		elapse(rescanEvery)
		require.ElementsMatch(t, []string{"data of a", "data of c"}, s.data())
		require.Equal(t, 2, box.Stats().Pending, "neither is gone")
		put(t, box, "a", "bad")
		require.EqualValues(t, 2, box.Stats().Kept)

		releaseA()
		releaseBad()
		elapse(2 * rescanEvery)
		require.Zero(t, box.Stats().Pending)
		require.Equal(t, 1, box.Stats().Stuck)
		require.Len(t, s.data(), 2, "only the removal was tried again")
	})
}

// A temporary file that is held fails the Put; the next one succeeds.
func TestTemporaryFileHeldByAnotherProcess(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(0, faultfs.NTFS)
	box, err := Open(crashBox, WithFS(disk))
	require.NoError(t, err)
	release := disk.Hold(crashBox + "/a.json.tmp")
	require.ErrorIs(t, box.Put(t.Context(), record("a")), faultfs.ErrHeld)
	require.Zero(t, box.Stats().Pending)
	release()
	put(t, box, "a")
	require.NoError(t, box.Close())
	require.NoError(t, leftOvers(disk))
}
