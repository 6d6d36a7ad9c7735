package faultfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

func disk(t *testing.T, model faultfs.Model) *faultfs.FS {
	t.Helper()
	f := faultfs.New(0, model)
	require.NoError(t, atomicfile.MkdirAll(f, "/d", 0o700))
	require.NoError(t, atomicfile.MkdirAll(f, "/e", 0o700))
	require.NoError(t, atomicfile.WriteFile(f, "/d/old", []byte("old"), 0o600)) // on NTFS it makes the folders safe
	return f
}

func write(t *testing.T, f *faultfs.FS, name, data string, sync bool) {
	t.Helper()
	file, err := f.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = io.WriteString(file, data)
	require.NoError(t, err)
	if sync {
		require.NoError(t, file.Sync())
	}
	require.NoError(t, file.Close())
}

func read(t *testing.T, f *faultfs.FS, name string) string {
	t.Helper()
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	data, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(data)
}

// found lists the disks that a power cut leaves: "name=content" of each file.
func found(t *testing.T, f *faultfs.FS) (all []string) {
	t.Helper()
	require.NoError(t, f.EachSurvivor(func(after *faultfs.FS) error {
		var files []string
		for _, dir := range []string{"/d", "/e"} {
			list, err := after.ReadDir(dir)
			require.NoError(t, err)
			for _, e := range list {
				if e.Name() != "old" {
					files = append(files, dir+"/"+e.Name()+"="+read(t, after, dir+"/"+e.Name()))
				}
			}
		}
		all = append(all, strings.Join(files, " "))
		return nil
	}))
	sort.Strings(all)
	return slices.Compact(all)
}

func TestWhatAPowerCutLeaves(t *testing.T) {
	t.Parallel()
	const zeros = "\x00\x00\x00\x00"
	for _, c := range []struct {
		what        string
		do          func(t *testing.T, f *faultfs.FS)
		posix, ntfs []string
	}{
		{
			"a file without any sync",
			func(t *testing.T, f *faultfs.FS) { write(t, f, "/d/a", "data", false) },
			[]string{"", "/d/a=", "/d/a=" + zeros, "/d/a=\x00\x00ta", "/d/a=da", "/d/a=data"},
			[]string{"", "/d/a=", "/d/a=" + zeros, "/d/a=\x00\x00ta", "/d/a=da", "/d/a=data"},
		},
		{
			"a file that is synced: on NTFS its name is too",
			func(t *testing.T, f *faultfs.FS) { write(t, f, "/d/a", "data", true) },
			[]string{"", "/d/a=data"},
			[]string{"/d/a=data"},
		},
		{
			"a rename before the sync of the content",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/t", "da", false)
				require.NoError(t, f.Rename("/d/t", "/d/a"))
			},
			[]string{"", "/d/a=", "/d/a=\x00\x00", "/d/a=\x00a", "/d/a=d", "/d/a=da", "/d/t=", "/d/t=\x00\x00", "/d/t=\x00a", "/d/t=d", "/d/t=da"},
			[]string{"/d/a=", "/d/a=\x00\x00", "/d/a=\x00a", "/d/a=d", "/d/a=da"}, // it is written through
		},
		{
			"two removals",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "1", true)
				write(t, f, "/e/b", "2", true)
				require.NoError(t, errors.Join(f.SyncDir("/d"), f.SyncDir("/e"), f.Remove("/d/a"), f.Remove("/e/b")))
			},
			[]string{"", "/d/a=1", "/d/a=1 /e/b=2", "/e/b=2"},
			[]string{"", "/d/a=1 /e/b=2", "/e/b=2"}, // in the order of the log
		},
		{
			"a move to another folder, and a sync of the one it left",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "1", true)
				require.NoError(t, errors.Join(f.SyncDir("/d"), f.Rename("/d/a", "/e/a"), f.SyncDir("/d")))
			},
			[]string{"", "/e/a=1"},
			[]string{"/e/a=1"},
		},
		{
			"a move to another folder, and a sync of that",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "1", true)
				require.NoError(t, errors.Join(f.SyncDir("/d"), f.Rename("/d/a", "/e/a"), f.SyncDir("/e")))
			},
			[]string{"/d/a=1 /e/a=1", "/e/a=1"},
			[]string{"/e/a=1"},
		},
		{
			"more data after a sync",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "12", true)
				require.NoError(t, f.SyncDir("/d"))
				write(t, f, "/d/a", "34", false)
			},
			[]string{"/d/a=12", "/d/a=12\x00\x00", "/d/a=12\x004", "/d/a=123", "/d/a=1234"},
			[]string{"/d/a=12", "/d/a=12\x00\x00", "/d/a=12\x004", "/d/a=123", "/d/a=1234"},
		},
		{
			"a sync that failed, and one that did not",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "12", true)
				require.NoError(t, f.SyncDir("/d"))
				file, err := f.OpenFile("/d/a", os.O_RDWR, 0)
				require.NoError(t, err)
				_, err = io.WriteString(file, "34")
				require.NoError(t, err)
				f.Fail(f.Steps()+1, f.Steps()+1, syscall.EIO)
				require.ErrorIs(t, file.Sync(), syscall.EIO)
				_, err = io.WriteString(file, "56")
				require.NoError(t, errors.Join(err, file.Sync(), file.Close()))
				require.Equal(t, "123456", read(t, f, "/d/a"), "it can be read")
			},
			[]string{"/d/a=12\x00\x0056"},
			[]string{"/d/a=12\x00\x0056"},
		},
		{
			"a sync of a folder that failed, and one that did not",
			func(t *testing.T, f *faultfs.FS) {
				write(t, f, "/d/a", "1", true)
				f.Fail(f.Steps()+1, f.Steps()+1, syscall.EIO)
				_ = f.SyncDir("/d")
				require.NoError(t, f.SyncDir("/d"))
			},
			[]string{"", "/d/a=1"},
			[]string{"/d/a=1"},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			for model, want := range map[faultfs.Model][]string{faultfs.POSIX: c.posix, faultfs.NTFS: c.ntfs} {
				f := disk(t, model)
				require.NoError(t, f.SyncDir("/d"))
				c.do(t, f)
				require.ElementsMatch(t, want, found(t, f), model)
			}
		})
	}
}

// A folder's own name is in the folder above.
func TestAFolderIsLostWithWhatIsInIt(t *testing.T) {
	t.Parallel()
	f := faultfs.New(0)
	require.NoError(t, f.MkdirAll("/a/b", 0o700))
	require.NoError(t, atomicfile.WriteFile(f, "/a/b/c", []byte("x"), 0o600))
	after := f.Survivors(0, faultfs.Kept)
	_, err := after.Stat("/a")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = after.Stat("/a/b/c")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, errors.Join(f.SyncDir("/"), f.SyncDir("/a")))
	require.Equal(t, "x", read(t, f.Survivors(0, faultfs.Kept), "/a/b/c"))
	require.Error(t, f.Remove("/a/b"), "it is not empty")
	_, err = f.OpenFile("/missing/x", os.O_CREATE|os.O_WRONLY, 0o600)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAfterThePowerCutNothingIsDone(t *testing.T) {
	t.Parallel()
	f := faultfs.New(3)
	write(t, f, "/d/a", "x", true)
	require.False(t, f.Cut())
	require.ErrorIs(t, f.SyncDir("/d"), faultfs.ErrPowerCut)
	require.True(t, f.Cut())
	require.Equal(t, 3, f.Steps())
	_, err := f.OpenFile("/d/a", os.O_RDONLY, 0)
	require.ErrorIs(t, err, faultfs.ErrPowerCut, "reading neither")
	require.ErrorIs(t, f.Event(), faultfs.ErrPowerCut)
}

func TestAWriteThatFailsHasWrittenHalf(t *testing.T) {
	t.Parallel()
	f := faultfs.New(0)
	file, err := f.OpenFile("/d/a", os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	f.Fail(2, 2, syscall.ENOSPC)
	n, err := io.WriteString(file, "1234")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 2, n)
	require.Equal(t, "12", read(t, f, "/d/a"))
	require.NoError(t, file.Truncate(1))
	require.Equal(t, "1", read(t, f, "/d/a"))
}

func TestWhatIsOpenStays(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		f := disk(t, model)
		write(t, f, "/d/a", "x", true)
		release := f.Hold("/d/a")
		require.ErrorIs(t, f.Rename("/d/a", "/d/b"), faultfs.ErrHeld)
		require.ErrorIs(t, f.Rename("/d/old", "/d/a"), faultfs.ErrHeld)
		require.ErrorIs(t, f.Remove("/d/a"), faultfs.ErrHeld)
		require.Equal(t, "x", read(t, f, "/d/a"))
		release()

		file, err := f.OpenFile("/d/a", os.O_RDONLY, 0)
		require.NoError(t, err)
		own := f.Rename("/d/old", "/d/a")
		if model == faultfs.NTFS {
			require.ErrorIs(t, own, faultfs.ErrHeld, "Go's own handle counts on Windows")
			require.NoError(t, file.Close())
			own = f.Rename("/d/old", "/d/a")
		}
		require.NoError(t, own)
	}
}

func TestAfterAKillAllThatWasWrittenIsThere(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		f := disk(t, model)
		file, err := f.OpenFile("/d/a", os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = io.WriteString(file, "x")
		require.NoError(t, err)
		f.Fail(f.Steps()+1, f.Steps()+9, syscall.EIO) // goes with the process
		f.KillAt(f.Steps())
		require.ErrorIs(t, file.Sync(), faultfs.ErrKilled)
		require.ErrorIs(t, f.SyncDir("/d"), faultfs.ErrKilled)
		_, err = f.Stat("/d/a")
		require.ErrorIs(t, err, faultfs.ErrKilled)
		require.True(t, f.Killed())
		require.False(t, f.Cut())

		f.Restart()
		require.False(t, f.Killed())
		require.Equal(t, "x", read(t, f, "/d/a"))
		require.ErrorIs(t, file.Sync(), faultfs.ErrKilled, "it was the other process's")
		require.NoError(t, file.Close())
		require.NoError(t, f.Rename("/d/a", "/d/b"), "nobody holds it any more")
		file, err = f.OpenFile("/d/b", os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, errors.Join(file.Sync(), f.SyncDir("/d")), "no sync of before has failed")
		require.Equal(t, "x", read(t, f.Survivors(0, faultfs.Dropped), "/d/b"))
	}
}
