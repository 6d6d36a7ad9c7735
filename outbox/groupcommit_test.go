package outbox

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// moodyFS renames as it is told to.
type moodyFS struct {
	atomicfile.FS
	rename func(to string) error
	try    func(to string) error
}

func (m moodyFS) Rename(from, to string) error {
	if err := m.rename(to); err != nil {
		return err
	}
	return m.FS.Rename(from, to)
}

func (m moodyFS) TryRename(from, to string) error {
	if err := m.try(to); err != nil {
		return err
	}
	return m.FS.Rename(from, to)
}

func (m moodyFS) TryRemove(name string) error { return m.Remove(name) }

func fine(string) error { return nil }

// A scanner holds a name for as long as it likes: that is the affair of its writer.
func TestAHeldNameHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	held, waits := make(chan struct{}), make(chan struct{})
	box := openBox(t, t.TempDir(), WithFS(moodyFS{
		FS: atomicfile.OS,
		try: func(to string) error {
			if strings.HasSuffix(to, "held.json") {
				return errors.New("held by a scanner")
			}
			return nil
		},
		rename: func(string) error {
			close(waits)
			<-held
			return nil
		},
	}))
	stored := make(chan error, 1)
	go func() { stored <- box.Put(t.Context(), record("held")) }()
	<-waits
	put(t, box, "other", "another")
	select {
	case err := <-stored:
		t.Fatal("the name is held", err)
	default:
	}
	close(held)
	require.NoError(t, <-stored)
	require.Equal(t, 3, box.Stats().Pending)
}

// A file system that panics ends the Put that it does so in, and no other.
func TestAPanicOfTheFileSystemIsItsWritersOwn(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	rename := func(string) error {
		if armed.CompareAndSwap(true, false) {
			panic("rename")
		}
		return nil
	}
	box := openBox(t, t.TempDir(), WithFS(moodyFS{FS: atomicfile.OS, rename: fine, try: rename}))
	armed.Store(true)
	require.Panics(t, func() { _ = box.Put(t.Context(), record("a")) })
	put(t, box, "b")

	var stored, panicked atomic.Int64
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 5 {
				if i == 7 && j == 3 {
					armed.Store(true)
				}
				if panics(func() { require.NoError(t, box.Put(t.Context(), record(fmt.Sprint("r", i, "-", j)))) }) {
					panicked.Add(1)
				} else {
					stored.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, panicked.Load())
	require.EqualValues(t, 32*5-1, stored.Load())
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// However many writers there are, only so many have a file open.
func TestWritersWaitForRoom(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int64
	fsys := newHookFS(func(op, name string) error {
		switch {
		case op == "create" && strings.HasSuffix(name, ".json"+atomicfile.TempSuffix):
			if n := open.Add(1); n > most.Load() {
				most.Store(n) // roughly
			}
		case op == "rename":
			open.Add(-1)
		}
		return nil
	})
	box := openBox(t, t.TempDir(), WithFS(fsys))
	var all sync.WaitGroup
	for i := range 4 * maxWriters {
		all.Go(func() { require.NoError(t, box.Put(t.Context(), record(fmt.Sprint("r", i)))) })
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(maxWriters))
	require.Equal(t, 4*maxWriters, box.Stats().Pending)
}

// After a crowd a lone writer waits for others a few times, not as often as they were many.
func TestACrowdIsForgotten(t *testing.T) {
	t.Parallel()
	g := newGroupCommit(func() error { return nil })
	g.crowd = maxWriters
	for range 20 {
		g.begin(newRound())
	}
	g.ended = time.Now()
	require.Zero(t, g.patience())
}
