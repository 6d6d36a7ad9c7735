package outbox

import (
	"errors"
	"path"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// crashScenarios are what a host does until its power fails. Together they have
// every sync of the package in them.
var crashScenarios = []struct {
	name string
	opts []Option
	run  func(w *world) error
}{
	{"put and deliver", nil, putAndDeliver},
	{"writers that share a sync", nil, writersTogether},
	{"quarantine", nil, quarantine},
	{"found at the start", nil, foundAtTheStart},
	{"found in quarantine", nil, foundInQuarantine},
	{"dropped in by others", nil, droppedIn},
	{"drop the oldest", []Option{WithLimit(3, 0), WithOverflow(OverflowDropOldest)}, dropTheOldest},
}

// inTurn does one thing after the other until one fails.
func inTurn(all ...func() error) error {
	for _, do := range all {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) puts(names ...string) func() error { return func() error { return w.put(names...) } }
func (w *world) drops(name string) func() error    { return func() error { return w.drop(name) } }
func (w *world) flushes(left int) func() error     { return func() error { return w.flush(left) } }

// ready opens the box in a folder whose own name is safe already.
func (w *world) ready() error {
	if err := atomicfile.MkdirAll(w.m.FS, crashBox, 0o700); err != nil {
		return err
	}
	return w.open()
}

func (w *world) restart() error {
	w.kill()
	return w.open()
}

func putAndDeliver(w *world) error {
	return inTurn(
		w.open, w.puts("a", "B"), w.flushes(0),
		w.puts("c", "c", "a"),
		func() error { w.notYet = "c"; return w.flush(1) },
		func() error { w.notYet = ""; return w.flush(0) },
		w.puts("d"),
	)
}

func writersTogether(w *world) error {
	return inTurn(
		w.ready, w.puts("a"),
		func() error { return w.together("b", "c", "d", "c") },
		w.flushes(0), w.puts("e"),
	)
}

// A record is refused for good, later tried from quarantine and refused again,
// and at last taken.
func quarantine(w *world) error {
	return inTurn(
		w.ready, w.puts("bad", "a"), w.flushes(1),
		w.puts("bad", "b"), w.flushes(0),
		w.restart, w.puts("bad"), w.flushes(1),
		w.restart, w.puts("c"),
		func() error { w.refuse = ""; return w.flush(0) },
		w.puts("d", "bad"),
	)
}

// A process was killed between the rename and the sync of the folder. What it
// left is published and must not be gone before its hook has agreed.
func foundAtTheStart(w *world) error {
	return inTurn(
		w.ready, w.puts("a"), w.flushes(0),
		func() error { return w.unconfirmed("killed") },
		w.restart,
		func() error { w.notYet = "killed"; return w.flush(1) },
		w.puts("killed", "b"),
		func() error { w.notYet = ""; return w.flush(0) },
	)
}

// A process was killed between the move to quarantine and the sync of that
// folder; others put a file there.
func foundInQuarantine(w *world) error {
	move := func() error {
		if err := w.box.writeReason("stuck/bad2.json", Reason{Kind: ReasonRefused, Why: "x"}); err != nil {
			return err
		}
		return w.m.FS.Rename(path.Join(crashBox, "bad2.json"), path.Join(crashStuck, "bad2.json"))
	}
	return inTurn(
		w.ready, w.puts("bad", "a"), w.flushes(1),
		w.puts("bad2"), move,
		w.restart, w.puts("b", "bad2"), w.flushes(2),
		w.restart, w.puts("c", "bad"),
		func() error { return w.misplace("req-1") },
		w.drops("req-2"), w.puts("req-2", "req-1", "d"), w.flushes(2),
	)
}

// Others put files into the folder, before the start and while the box is open.
func droppedIn(w *world) error {
	return inTurn(
		w.ready, w.puts("a"), w.drops("req-1"),
		func() error { return w.leave(path.Join(crashBox, "b.json.tmp"), []byte("{")) },
		w.restart, w.puts("req-1", "b"),
		w.drops("req-2"), w.puts("req-2", "c"),
		w.drops("req-3"), w.puts("req-3"), w.flushes(0),
		w.puts("d"),
	)
}

func dropTheOldest(w *world) error {
	return inTurn(
		w.ready, w.puts("a", "b", "c", "d"), w.flushes(0),
		w.puts("e", "f", "g", "h", "i"),
		func() error {
			if w.dropped != 3 {
				return errors.New("the scenario drops nothing")
			}
			return nil
		},
	)
}

// classOf tells apart what the box treats differently.
func classOf(name string) string {
	dir, file := path.Split(name)
	kind := "record"
	switch {
	case name == crashBox:
		return "box"
	case name == crashStuck:
		return "quarantine"
	case !strings.HasPrefix(name, crashBox):
		return "above the box"
	case file == lockName:
		return "lock"
	case strings.Contains(file, reasonSuffix):
		kind = "reason"
	case strings.HasSuffix(dir, stuckFolder+"/"):
		kind = "stuck record"
	}
	if strings.HasSuffix(file, atomicfile.TempSuffix) {
		kind += " temp"
	}
	return kind
}

func crashSuites(model faultfs.Model) map[string]*faultfs.Suite {
	all := map[string]*faultfs.Suite{}
	for _, c := range crashScenarios {
		all[c.name] = &faultfs.Suite{
			Model: model, Packages: []string{"github.com/kanade-go/kanade/outbox"}, Class: classOf,
			Helpers: []string{"groupCommit"},
			Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
				w := newWorld(m, c.opts...)
				err := c.run(w)
				return w.promise(), errors.Join(err, w.end())
			},
		}
	}
	return all
}

// end waits for what the scenario has begun.
func (w *world) end() error {
	if w.box == nil {
		return nil
	}
	if err := w.box.Close(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// TestLostPower cuts the power at every step of the scenarios, and looks at every
// disk that can be found afterwards.
func TestLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for name, suite := range crashSuites(model) {
			t.Run(model.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					require.NoError(t, suite.Run(faultfs.Mutation{}))
				})
			})
		}
	}
}

// A Put is kept out by a file that an earlier process left without having
// synced it: it must be synced before that counts as stored.
func TestLostPowerAfterAPutThatFoundItsFile(t *testing.T) {
	t.Parallel()
	disk := faultfs.New(0)
	require.NoError(t, atomicfile.MkdirAll(disk, crashBox, 0o700))
	require.NoError(t, unconfirmed(disk, "a"))

	w := newWorld(faultfs.Unchanged(disk))
	require.NoError(t, w.open())
	require.NoError(t, w.put("a"))
	require.EqualValues(t, 1, w.box.Stats().Kept)
	require.NoError(t, w.box.Close())
	require.NoError(t, disk.EachSurvivor(w.promise().Check))
}
