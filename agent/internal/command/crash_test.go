package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const crashLedger = "/state/ledger"

var errBroken = errors.New("promise broken")

// promise is what the ledger has confirmed about a command, and what was tried
// beyond it: after a power cut the truth lies between the two.
type promise struct {
	least, most state
}

func (p promise) String() string { return fmt.Sprintf("between %d and %d", p.least, p.most) }

// keeper is a ledger whose power can fail, and what it has promised.
type keeper struct {
	m        *faultfs.Mutant
	l        *Ledger
	promised map[string]promise
	failures int
}

var ledgerScenarios = map[string]func(k *keeper) error{
	"life of a command":     lifeOfACommand,
	"found at the start":    ledgerFoundAtTheStart,
	"torn at the start":     ledgerTornAtTheStart,
	"sync fails":            syncFails,
	"found on a full disk":  ledgerFoundOnAFullDisk,
	"stop with lines owing": stopWithLinesOwing,
}

func inTurn(all ...func() error) error {
	for _, do := range all {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// open is preceded by what makes the name of the state folder safe.
func (k *keeper) open() error {
	if err := atomicfile.MkdirAll(k.m.FS, path.Dir(crashLedger), 0o700); err != nil {
		return err
	}
	return k.opened()
}

func (k *keeper) opened() (err error) {
	k.l, _, err = OpenLedger(k.m, crashLedger, "PC-1", time.Now)
	if err != nil {
		return err
	}
	// Whatever it knows now it answers for: a copy that comes again is taken
	// for a duplicate and acknowledged.
	for id := range k.promised {
		if e := k.l.entries[k.l.KeyOf(id)]; e != nil {
			k.promised[id] = promise{least: e.state, most: e.state}
		}
	}
	return nil
}

// kill ends the process: nothing is closed in an orderly way.
func (k *keeper) kill() error {
	k.m.CloseAll()
	return k.open()
}

func (k *keeper) stop() error {
	if err := k.l.Close(); err != nil {
		return err
	}
	for id, p := range k.promised {
		k.promised[id] = promise{least: p.most, most: p.most}
	}
	return nil
}

// does changes the state of commands; until it returns, either state may be found.
func (k *keeper) does(to state, op func() error, ids ...string) func() error {
	return func() error {
		for _, id := range ids {
			k.promised[id] = promise{least: k.promised[id].least, most: to}
		}
		if err := op(); err != nil {
			return err
		}
		for _, id := range ids {
			k.promised[id] = promise{least: to, most: to}
		}
		return nil
	}
}

func (k *keeper) records(ids ...string) func() error {
	return k.does(accepted, func() error {
		var batch []Admission
		for _, id := range ids {
			batch = append(batch, admission(k.l, id, "body of "+id))
		}
		return k.l.Record(batch)
	}, ids...)
}

func (k *keeper) starts(id string) func() error {
	return k.does(started, func() error { return k.l.StartAll([]Start{{k.l.KeyOf(id), 1}})[0] }, id)
}

func (k *keeper) concludes(id string) func() error {
	return k.does(verdict, func() error { return k.l.Conclude(k.l.KeyOf(id), []byte("result of "+id)) }, id)
}

func (k *keeper) finishes(id string) func() error {
	return k.does(finished, func() error { return finish(k.l, id) }, id)
}

func (k *keeper) compacts() error { return compact(k.l) }

func finish(l *Ledger, id string) error {
	if err := l.Finish(l.KeyOf(id)); err != nil {
		return err
	}
	return l.WaitFinished(context.Background(), l.KeyOf(id))
}

func compact(l *Ledger) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	return l.journal.rewrite()
}

func lifeOfACommand(k *keeper) error {
	return inTurn(
		k.open, k.records("a", "b"), k.starts("a"), k.records("c"),
		k.concludes("b"), k.finishes("a"), k.compacts, k.starts("c"), k.records("d"),
		k.finishes("b"), k.compacts, k.records("e"),
	)
}

// unconfirmed writes lines as a process that was killed before their sync.
func (k *keeper) unconfirmed(ids ...string) error {
	l := &Ledger{now: time.Now, uptime: func() time.Duration { return 0 }, pcID: "PC-1"}
	var lines []byte
	for _, id := range ids {
		_, ln := l.entryOf(admission(l, id, "body of "+id))
		encoded, err := ln.encode()
		if err != nil {
			return err
		}
		lines = append(lines, encoded...)
		k.promised[id] = promise{most: accepted}
	}
	return k.leave(lines)
}

func (k *keeper) leave(lines []byte) error {
	f, err := k.m.FS.OpenFile(path.Join(crashLedger, LedgerFile("PC-1")), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	return errors.Join(err, f.Close())
}

// What a killed process has written but not synced, the next one knows, and
// acknowledges its copies.
func ledgerFoundAtTheStart(k *keeper) error {
	return inTurn(
		func() error { return atomicfile.MkdirAll(k.m.FS, crashLedger, 0o700) },
		func() error { return k.unconfirmed("a", "b") },
		k.kill, k.starts("a"),
		func() error { return k.unconfirmed("c") },
		k.kill, k.finishes("a"), k.records("d"),
	)
}

// A power cut has left half a line; the rewrite that drops it keeps the rest.
func ledgerTornAtTheStart(k *keeper) error {
	return inTurn(
		k.open, k.records("a", "b"), k.starts("a"),
		func() error { return k.leave([]byte("0123abcd {")) },
		k.kill, k.records("c"), k.finishes("a"),
	)
}

// What a killed process has left cannot be written anew for want of room, so that
// the old file has to serve.
func ledgerFoundOnAFullDisk(k *keeper) error {
	full := func() error { k.m.FailNext("create new journal", syscall.ENOSPC); return nil }
	return inTurn(
		func() error { return atomicfile.MkdirAll(k.m.FS, crashLedger, 0o700) },
		func() error { return k.unconfirmed("a", "b") },
		full, k.kill, k.starts("a"),
		func() error { return k.unconfirmed("c") },
		full, k.kill, k.finishes("a"), k.records("d"),
	)
}

// Writes and syncs fail: what a sync should have written never reaches the disk,
// although the next one of that file would succeed.
func syncFails(k *keeper) error {
	fails := func(label string) func() error {
		return func() error { k.m.FailNext(label, syscall.EIO); return nil }
	}
	return inTurn(
		k.open, k.records("a"),
		fails("sync journal"), k.records("b"), // the rewrite saves it
		k.starts("a"),
		fails("write journal"), k.concludes("b"), // half a line
		fails("sync journal"), fails("write new journal"), k.failing(k.records("c")), // the rewrite fails too
		k.records("d"), k.finishes("a"), k.records("c"), k.finishes("b"),
		func() error {
			if k.failures != 1 && k.m.Mutation().String() == (faultfs.Mutation{}).String() {
				return errors.New("the scenario does not do what it is for")
			}
			return nil
		},
	)
}

// failing expects an error: what it was about may be found or not.
func (k *keeper) failing(do func() error) func() error {
	return func() error {
		if err := do(); err != nil {
			k.failures++
		}
		return nil
	}
}

// Lines that nobody waits for are on disk when the ledger is closed.
func stopWithLinesOwing(k *keeper) error {
	return inTurn(
		k.open, k.records("a", "b", "c"), k.starts("a"), k.starts("b"), k.concludes("c"),
		func() error {
			k.promised["a"] = promise{least: started, most: finished}
			return k.l.Finish(k.l.KeyOf("a"))
		},
		k.stop, k.open, k.finishes("c"),
	)
}

// checkLedger fails where the ledger stands below what it has promised, or above what was ever
// asked of it.
func checkLedger(disk *faultfs.FS, promised map[string]promise) error {
	l, _, err := OpenLedger(disk, crashLedger, "PC-1", time.Now)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	defer l.Close()
	for id, p := range promised {
		var found state
		e := l.entries[l.KeyOf(id)]
		if e != nil {
			found = e.state
		}
		if found < p.least || found > p.most {
			return fmt.Errorf("%w: %s stands at %d, promised %v", errBroken, id, found, p)
		}
		if found == accepted && string(e.body) != "body of "+id {
			return fmt.Errorf("%w: the body of %s is %q", errBroken, id, e.body)
		}
		if found == verdict && string(e.result) != "result of "+id {
			return fmt.Errorf("%w: the result of %s is %q", errBroken, id, e.result)
		}
	}
	return nothingPilesUp(disk)
}

// nothingPilesUp: one file, and perhaps the temporary one that the next rewrite
// replaces.
func nothingPilesUp(disk *faultfs.FS) error {
	list, err := disk.ReadDir(crashLedger)
	if err != nil {
		return err
	}
	if len(list) > 2 {
		return fmt.Errorf("%w: %d files in the ledger's folder", errBroken, len(list))
	}
	return nil
}

func (k *keeper) promise() faultfs.Promise {
	promised := maps.Clone(k.promised)
	return faultfs.Promise{
		Of:    fmt.Sprint(promised),
		Check: func(found *faultfs.FS) error { return checkLedger(found, promised) },
		Restart: func(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
			return (&keeper{m: m, promised: maps.Clone(promised)}).restarted(check)
		},
	}
}

// restarted is the process after one that was killed. It answers for all that it
// finds, and goes on.
func (k *keeper) restarted(check func(faultfs.Promise) error) error {
	again := func() error { return check(k.promise()) }
	return inTurn(
		func() error { return atomicfile.MkdirAll(k.m.FS, path.Dir(crashLedger), 0o700) },
		func() error { return k.m.FS.SyncDir("/") }, // package statedir's affair
		k.opened, again,
		k.records("y", "z"), again, k.starts("y"), again, k.finishes("y"), again,
		func() error { return k.l.Close() },
	)
}

const crashPackage = "github.com/kanade-go/kanade/agent/internal/command"

func ledgerSuites(model faultfs.Model) map[string]*faultfs.Suite {
	all := map[string]*faultfs.Suite{}
	for name, run := range ledgerScenarios {
		all[name] = &faultfs.Suite{
			Model: model, Packages: []string{crashPackage}, Helpers: []string{"writeSync"}, Class: classOf,
			Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
				k := &keeper{m: m, promised: map[string]promise{}}
				err := run(k)
				return k.promise(), err
			},
		}
	}
	return all
}

// classOf tells apart what the ledger and the outbox treat differently.
func classOf(name string) string {
	switch {
	case strings.HasSuffix(name, ledgerSuffix+".tmp"):
		return "new journal"
	case strings.HasSuffix(name, ledgerSuffix):
		return "journal"
	case strings.HasSuffix(name, ".json.tmp"):
		return "record temp"
	case strings.HasSuffix(name, ".json"):
		return "record"
	}
	return path.Base(name)
}

// TestLedgerLosesNothingWithThePower cuts the power at every step and looks at
// every disk that can be found afterwards.
func TestLedgerLosesNothingWithThePower(t *testing.T) {
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for name, suite := range ledgerSuites(model) {
			t.Run(model.String()+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					require.NoError(t, suite.Run(faultfs.Mutation{}))
				})
			})
		}
	}
}
