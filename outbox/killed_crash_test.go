package outbox

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// restartedOn is the next process after one that was killed at any step: it finds
// all that was written, durable or not. What is not through is put again, everything
// is published, and the power can fail after each of its steps.
func (w *world) restartedOn(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	next := w.next(m)
	files, err := recordsOn(m.FS)
	if err != nil {
		return err
	}
	var broken error
	next.onStep = func() {
		if broken == nil && !m.Killed() {
			broken = check(next.promise())
		}
	}
	cut := func() error { next.onStep(); return broken }
	err = inTurn(
		func() error { return folderAbove(m.FS) },
		next.open, next.putsAgain, cut, next.publishesOnly, cut, next.flushesAll, cut, next.puts("after"), cut,
		func() error { return w.noneTwice(next.sends, files) },
	)
	next.onStep = nil
	m.KillAt(m.Steps())
	next.kill()
	return err
}

// folderAbove is the affair of whoever owns it; see [Open].
func folderAbove(disk atomicfile.FS) error {
	above := path.Dir(crashBox)
	return inTurn(
		func() error { return disk.MkdirAll(above, 0o700) },
		func() error { return disk.SyncDir(path.Dir(above)) },
	)
}

func (w *world) stepped() {
	if w.onStep != nil {
		w.onStep()
	}
}

// next is the world with the disk of another process.
func (w *world) next(m *faultfs.Mutant) *world {
	next := newWorld(m, w.opts...)
	next.foreign, next.wrong, next.tried = w.foreign, w.wrong, slices.Clone(w.tried)
	next.promised, next.stream, next.hooked = maps.Clone(w.promised), maps.Clone(w.stream), maps.Clone(w.hooked)
	return next
}

// noneTwice: a process publishes a record once, and none that was through before it.
func (w *world) noneTwice(sends map[string]int, files map[string]string) error {
	for name, n := range sends {
		if n > 1 || w.hooked[name] && files[name] == "" {
			return fmt.Errorf("%w: record %s was published %d times by the next process, agreed upon before: %t", errBroken, name, n, w.hooked[name])
		}
	}
	return nil
}

// bounded boxes drop what was promised; how much is for the scenario to know.
func (w *world) bounded() bool { return len(w.opts) > 1 }

func (w *world) putsAgain() error {
	if w.bounded() {
		return nil
	}
	for _, name := range w.tried {
		if w.hooked[name] {
			continue
		}
		if err := w.putOne(name); err != nil {
			return err
		}
	}
	return nil
}

// publishesOnly publishes everything, and no hook agrees.
func (w *world) publishesOnly() error {
	w.notYet = anyName
	defer func() { w.notYet = "" }()
	return w.flushesAll()
}

// flushesAll leaves what the broker or the hook refuses.
func (w *world) flushesAll() error {
	_, err := w.box.Flush(context.Background(), w)
	if err != nil && strings.Contains(err.Error(), "records not delivered") {
		err = nil
	}
	return err
}

// steppedFS calls after when a step has changed names, or made them safe.
type steppedFS struct {
	atomicfile.FS
	after func()
}

func (f steppedFS) then(err error) error {
	f.after()
	return err
}

func (f steppedFS) SyncDir(dir string) error     { return f.then(f.FS.SyncDir(dir)) }
func (f steppedFS) Rename(from, to string) error { return f.then(f.FS.Rename(from, to)) }
func (f steppedFS) Remove(name string) error     { return f.then(f.FS.Remove(name)) }
func (f steppedFS) MkdirAll(dir string, perm fs.FileMode) error {
	return f.then(f.FS.MkdirAll(dir, perm))
}
