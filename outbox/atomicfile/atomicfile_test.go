package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("disk error")

// steps is an FS that notes what is done and fails at one of the steps.
type steps struct {
	FS
	done   []string
	failAt string
}

type stepFile struct {
	File
	s *steps
}

func (s *steps) step(name string) error {
	s.done = append(s.done, name)
	if name == s.failAt {
		return errDisk
	}
	return nil
}

func (s *steps) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := s.step("open"); err != nil {
		return nil, err
	}
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return stepFile{f, s}, nil
}

func (s *steps) Rename(from, to string) error {
	if err := s.step("rename"); err != nil {
		return err
	}
	return s.FS.Rename(from, to)
}

func (s *steps) SyncDir(dir string) error {
	if err := s.step("syncdir"); err != nil {
		return err
	}
	return s.FS.SyncDir(dir)
}

func (f stepFile) Write(p []byte) (int, error) {
	if err := f.s.step("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f stepFile) Sync() error {
	if err := f.s.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f stepFile) Close() error { return errors.Join(f.s.step("close"), f.File.Close()) }

func TestWriteFileReplaces(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"first", "", "third, longer"} {
		require.NoError(t, WriteFile(OS, name, []byte(content), 0o600))
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		require.NoFileExists(t, name+TempSuffix)
	}
}

func TestWriteFileKeepsTheOrderOfSteps(t *testing.T) {
	t.Parallel()
	s := &steps{FS: OS}
	require.NoError(t, WriteFile(s, filepath.Join(t.TempDir(), "f"), []byte("x"), 0o600))
	require.Equal(t, []string{"open", "write", "sync", "close", "rename", "syncdir"}, s.done)
}

func TestFailedWriteFileKeepsTheOld(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"open", "write", "sync", "close", "rename"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			name := filepath.Join(dir, "f")
			require.NoError(t, WriteFile(OS, name, []byte("old"), 0o600))
			require.ErrorIs(t, WriteFile(&steps{FS: OS, failAt: step}, name, []byte("new"), 0o600), errDisk)
			got, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, "old", string(got))
			list, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, list, 1, "no temporary file is left")
		})
	}
}

func TestWriteFileReportsTheFolderSync(t *testing.T) {
	t.Parallel()
	err := WriteFile(&steps{FS: OS, failAt: "syncdir"}, filepath.Join(t.TempDir(), "f"), nil, 0o600)
	require.ErrorIs(t, err, errDisk)
}

func TestWriteDescribesTheFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	info, err := Write(OS, name, 0o600, func(w io.Writer) error {
		for range 1000 {
			if _, err := io.WriteString(w, "0123456789"); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 10_000, info.Size())
	onDisk, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, onDisk.ModTime(), info.ModTime())
}

func TestWriteFileDoesNotFollowALeftOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(name+TempSuffix, []byte("a longer left-over"), 0o400))
	require.NoError(t, WriteFile(OS, name, []byte("new"), 0o600))
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o200, "it has the left-over's permissions, which nobody asked for")
}

func TestOSErrorsKeepTheirKind(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	f, err := OS.OpenFile(missing, os.O_RDONLY, 0)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, File(nil), f, "a nil interface, not a nil pointer in it")
	require.ErrorIs(t, OS.Remove(missing), fs.ErrNotExist)
	require.ErrorIs(t, OS.Rename(missing, missing+"2"), fs.ErrNotExist)
}

func TestWhileBusy(t *testing.T) {
	t.Parallel()
	busy := func(err error) bool { return errors.Is(err, errDisk) }
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tries := 0
		require.NoError(t, whileBusy(busy, func() error {
			if tries++; tries < 4 {
				return errDisk
			}
			return nil
		}))
		require.Equal(t, 7*time.Millisecond, time.Since(start), "1 + 2 + 4")
	})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tries := 0
		require.ErrorIs(t, whileBusy(busy, func() error { tries++; return errDisk }), errDisk)
		require.Equal(t, busyTotal, time.Since(start))
		require.Less(t, tries, 50)
	})
	tries := 0
	require.ErrorIs(t, whileBusy(busy, func() error { tries++; return fs.ErrNotExist }), fs.ErrNotExist)
	require.Equal(t, 1, tries)
}

func TestStagedFilesAreThereWhenTheyAreCommitted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hello := func(w io.Writer) error {
		_, err := io.WriteString(w, "hello")
		return err
	}
	var staged []*Staged
	for _, name := range []string{"a", "b"} {
		s, err := Stage(OS, filepath.Join(dir, name), 0o600, hello)
		require.NoError(t, err)
		staged = append(staged, s)
		require.NoFileExists(t, filepath.Join(dir, name))
		require.FileExists(t, filepath.Join(dir, name+TempSuffix))
	}
	for _, s := range staged {
		s.StartSync()
	}
	for i, name := range []string{"a", "b"} {
		info, err := staged[i].Commit()
		require.NoError(t, err)
		require.Equal(t, int64(5), info.Size())
		require.Equal(t, int64(5), staged[i].Size())
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, "hello", string(data))
		require.NoFileExists(t, filepath.Join(dir, name+TempSuffix))
	}
}

func TestWhatTheStartOfASyncFindsFailsTheSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Stage(OS, filepath.Join(dir, "a"), 0o600, func(io.Writer) error { return nil })
	require.NoError(t, err)
	require.Zero(t, s.Size())
	s.file = startsBadly{s.file}
	s.StartSync()
	_, err = s.Commit()
	require.ErrorIs(t, err, errDisk)
	require.NoFileExists(t, filepath.Join(dir, "a"+TempSuffix))
	require.NoError(t, StartSync(stepFile{nil, &steps{}}), "has no such call")
}

type startsBadly struct{ File }

func (startsBadly) StartSync() error { return errDisk }

func TestOpenReadReadsToTheEnd(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a")
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	for _, fsys := range []FS{OS, &steps{FS: OS}} {
		f, err := OpenRead(fsys, name)
		require.NoError(t, err)
		got, err := io.ReadAll(f)
		require.NoError(t, err)
		require.Equal(t, content, got)
		n, err := f.Read(make([]byte, 1))
		require.Zero(t, n)
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, f.Close())
		_, err = OpenRead(fsys, name+"x")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, name+"x")
		folder, err := OpenRead(fsys, filepath.Dir(name))
		if err == nil { // Windows refuses the open, Unix the read
			_, err = folder.Read(make([]byte, 1))
			require.NoError(t, folder.Close())
		}
		require.Error(t, err)
	}
}
