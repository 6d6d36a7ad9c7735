package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// crashSteps is above the number of disk operations of the scenario.
const crashSteps = 80

// TestLedgerLosesNothingWithThePower cuts the power at every disk operation and
// looks at every disk that can be found afterwards.
func TestLedgerLosesNothingWithThePower(t *testing.T) {
	require.NoError(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return f }))
}

// The same test must notice when a sync is missing, or it would prove nothing.
func TestTheLostPowerTestNoticesMissingSyncs(t *testing.T) {
	require.ErrorIs(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return noFileSync{f} }), errBroken)
	require.ErrorIs(t, cutEverywhere(func(f *faultfs.FS) atomicfile.FS { return noDirSync{f} }), errBroken)
}

var errBroken = errors.New("promise broken")

func cutEverywhere(wrap func(*faultfs.FS) atomicfile.FS) error {
	for stop := 1; stop <= crashSteps; stop++ {
		disk := faultfs.New(stop)
		promised := make(map[string]promise)
		ledgerScenario(wrap(disk), promised)
		err := disk.EachSurvivor(func(found *faultfs.FS) error { return checkLedger(found, promised) })
		if err != nil {
			return fmt.Errorf("stop at %d: %w", stop, err)
		}
		if disk.Steps() < stop {
			return nil // the scenario has run to its end
		}
	}
	return errors.New("the scenario does not end")
}

// promise is what the ledger has confirmed about a command, and what was tried
// beyond it: after a power cut the truth lies between the two.
type promise struct {
	least, most state
}

func (p promise) String() string { return fmt.Sprintf("between %d and %d", p.least, p.most) }

// ledgerScenario does what it can until the power fails.
func ledgerScenario(fsys atomicfile.FS, promised map[string]promise) {
	l, _, err := OpenLedger(fsys, "/ledger", "PC-1", time.Now)
	if err != nil {
		return
	}
	defer l.Close()
	do := func(to state, op func() error, ids ...string) {
		for _, id := range ids {
			promised[id] = promise{least: promised[id].least, most: to}
		}
		if op() != nil {
			return
		}
		for _, id := range ids {
			promised[id] = promise{least: to, most: to}
		}
	}
	key := l.KeyOf
	record := func(ids ...string) {
		var batch []Admission
		for _, id := range ids {
			batch = append(batch, admission(l, id, "body of "+id))
		}
		do(accepted, func() error { return l.Record(batch) }, ids...)
	}
	record("a", "b")
	do(started, func() error { return l.Start(key("a"), 1) }, "a")
	record("c")
	do(verdict, func() error { return l.Conclude(key("b"), []byte("result of b")) }, "b")
	do(finished, func() error { return finish(l, "a") }, "a")
	_ = compact(l)
	do(started, func() error { return l.Start(key("c"), 1) }, "c")
	record("d")
	do(finished, func() error { return finish(l, "b") }, "b")
	_ = compact(l)
	record("e")
}

func finish(l *Ledger, id string) error {
	if l.entries[l.KeyOf(id)] == nil {
		return errNotOpen // the power failed before it was recorded
	}
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

func checkLedger(disk *faultfs.FS, promised map[string]promise) error {
	l, _, err := OpenLedger(disk, "/ledger", "PC-1", time.Now)
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
	return nil
}

type noDirSync struct{ *faultfs.FS }

func (noDirSync) SyncDir(string) error { return nil }

type noFileSync struct{ *faultfs.FS }

func (n noFileSync) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	f, err := n.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ atomicfile.File }

func (unsyncedFile) Sync() error { return nil }
