package outbox

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// hookFS calls before ahead of the operations that change the disk; its error
// is theirs. The lock file is not told.
type hookFS struct {
	atomicfile.FS
	before func(op, name string) error
}

type hookFile struct {
	atomicfile.File
	before func(op, name string) error
}

func newHookFS(before func(op, name string) error) hookFS {
	return hookFS{FS: atomicfile.OS, before: before}
}

func (h hookFS) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if filepath.Base(name) == lockName {
		return h.FS.OpenFile(name, flag, perm)
	}
	op := "read"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := h.before(op, name); err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	f, err := h.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return hookFile{f, h.before}, nil
}

func (h hookFS) Rename(from, to string) error {
	if err := h.before("rename", to); err != nil {
		return err
	}
	return h.FS.Rename(from, to)
}

func (h hookFS) Remove(name string) error {
	if err := h.before("remove", name); err != nil {
		return err
	}
	return h.FS.Remove(name)
}

func (h hookFS) SyncDir(dir string) error {
	if err := h.before("syncdir", dir); err != nil {
		return err
	}
	return h.FS.SyncDir(dir)
}

func (f hookFile) Sync() error {
	if err := f.before("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func TestPutStoresTheRecordWhole(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "box")
	box := openBox(t, dir)
	r := record("one")
	r.Header = nats.Header{"Kind": {"a", "b"}}
	r.Data = []byte{0, 1, 2, 0xff}
	r.Queued = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	require.NoError(t, box.Put(t.Context(), r))

	f, err := os.Open(filepath.Join(dir, "one.json"))
	require.NoError(t, err)
	defer f.Close()
	got, err := JSONEnvelope{}.Decode("one", f)
	require.NoError(t, err)
	require.Equal(t, r, got)
	requireMode(t, dir, 0o700)
	requireMode(t, f.Name(), 0o600)
}

func TestPutMakesNameAndMessageID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	for range 2 {
		require.NoError(t, box.Put(t.Context(), Record{Subject: "a", Data: []byte("x")}))
	}
	require.Len(t, files(t, dir), 2)
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 2, sent)
	require.Len(t, s.data(), 2, "two message IDs")
}

func TestPutKeepsTheFirst(t *testing.T) {
	t.Parallel()
	box := openBox(t, t.TempDir())
	put(t, box, "a")
	second := record("a")
	second.Data = []byte("second")
	require.NoError(t, box.Put(t.Context(), second))
	require.Equal(t, Stats{Pending: 1, Put: 1, Kept: 1}, counts(box))
	var s stream
	_, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, []string{"data of a"}, s.data())
	require.NoError(t, box.Put(t.Context(), second), "the name is free again")
	require.Equal(t, 1, box.Stats().Pending)
}

func TestConcurrentPutsOfOneName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { require.NoError(t, box.Put(t.Context(), record("a"))) })
	}
	wg.Wait()
	require.Equal(t, []string{"a.json"}, files(t, dir))
	require.Equal(t, Stats{Pending: 1, Put: 1, Kept: 15}, counts(box))
}

// A Put that waits for another of its name takes over when that one fails.
func TestSecondPutTakesOver(t *testing.T) {
	t.Parallel()
	inSync, fail := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fsys := newHookFS(func(op, _ string) (err error) {
		if op == "sync" {
			once.Do(func() { close(inSync); <-fail; err = syscall.EIO })
		}
		return err
	})
	box := openBox(t, t.TempDir(), WithFS(fsys))
	first := make(chan error, 1)
	go func() { first <- box.Put(t.Context(), record("a")) }()
	<-inSync
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, box.Put(ctx, record("a")), context.Canceled)
	second := make(chan error, 1)
	go func() { second <- box.Put(t.Context(), record("a")) }()
	close(fail)
	require.ErrorIs(t, <-first, syscall.EIO)
	require.NoError(t, <-second)
	require.Equal(t, Stats{Pending: 1, Put: 1}, counts(box))
}

func TestPutFailsCleanly(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"create", "sync", "rename", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			fsys := newHookFS(func(at, _ string) error {
				if at == op && broken.Load() {
					return syscall.ENOSPC
				}
				return nil
			})
			dir := t.TempDir()
			box := openBox(t, dir, WithFS(fsys))
			broken.Store(true)
			require.ErrorIs(t, box.Put(t.Context(), record("a")), syscall.ENOSPC)
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			require.NoError(t, err)
			require.Equal(t, []string{filepath.Join(dir, lockName)}, left)
			require.Equal(t, Stats{}, counts(box))
			broken.Store(false)
			put(t, box, "a")
			require.Equal(t, Stats{Pending: 1, Put: 1}, counts(box))
		})
	}
}

func TestPutOnAReadOnlyFolder(t *testing.T) {
	t.Parallel()
	var readOnly atomic.Bool
	fsys := newHookFS(func(op, _ string) error {
		if op != "read" && readOnly.Load() {
			return syscall.EROFS
		}
		return nil
	})
	box := openBox(t, t.TempDir(), WithFS(fsys))
	put(t, box, "a")
	readOnly.Store(true)
	err := box.Put(t.Context(), record("b"))
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, `outbox: put "b"`)

	// What cannot be removed is not published again and again.
	var s stream
	for range 3 {
		_, err = box.Flush(t.Context(), &s)
		require.ErrorIs(t, err, syscall.EROFS)
	}
	require.Equal(t, 1, s.tried())
	require.Equal(t, 1, box.Stats().Pending)
	readOnly.Store(false)
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Equal(t, 1, s.tried())
}

func TestPutGivesWayToAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a.json"), 0o700))
	box := openBox(t, dir)
	put(t, box, "a")
	require.FileExists(t, filepath.Join(dir, hashedFile("a")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, hashedFile("B")), 0o700))
	require.ErrorIs(t, box.Put(t.Context(), record("B")), ErrNameTaken)
}

func TestPutSeesAFileThatWasJustDroppedIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	var file strings.Builder
	require.NoError(t, JSONEnvelope{}.Encode(&file, record("a")))
	writeFile(t, dir, "a.json", file.String())
	put(t, box, "a")
	require.Equal(t, Stats{Pending: 1, Kept: 1}, counts(box))
}

func TestPutAgainAfterSomebodyRemovedTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a")
	require.NoError(t, os.Remove(filepath.Join(dir, "a.json")))
	put(t, box, "a")
	require.Equal(t, []string{"a.json"}, files(t, dir))
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Zero(t, box.Stats().Pending)
}

// A folder sync covers everybody whose file was there when it began.
func TestPutsShareTheFolderSync(t *testing.T) {
	t.Parallel()
	const writers = 16
	var syncs, created atomic.Int32
	dir := t.TempDir()
	fsys := newHookFS(func(op, name string) error {
		switch {
		case op == "create" && strings.HasSuffix(name, ".json"+atomicfile.TempSuffix):
			created.Add(1)
		case op == "syncdir" && name == dir && syncs.Add(1) == 1:
			// Everybody else comes while the first sync runs.
			for created.Load() < writers {
				time.Sleep(time.Millisecond)
			}
		}
		return nil
	})
	box := openBox(t, dir, WithFS(fsys))
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { require.NoError(t, box.Put(t.Context(), record(string(rune('a'+i))))) })
	}
	wg.Wait()
	require.Less(t, syncs.Load(), int32(writers))
	require.Equal(t, writers, box.Stats().Pending)
}

func TestEncodeErrorLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	refusal := errors.New("too odd")
	box := openBox(t, dir, WithCodec(refusingCodec{err: refusal}))
	require.ErrorIs(t, box.Put(t.Context(), record("a")), refusal)
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, list, 1, "the lock file")
}

type refusingCodec struct {
	JSONEnvelope
	err error
}

func (c refusingCodec) Encode(w io.Writer, _ Record) error {
	_, err := w.Write([]byte("half"))
	return errors.Join(err, c.err)
}
