package command

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// faults are what a disk does for one operation, or three in a row, and then no
// more.
var faults = []struct {
	err error
	row int
}{{syscall.ENOSPC, 1}, {syscall.EIO, 1}, {syscall.ENOSPC, 3}, {syscall.EIO, 3}}

// faultEverywhere lets the disk fail at each of its steps from a moment on. Where
// one operation failed, powerCut looks at what a power cut would leave: a sync that failed has
// dropped what it had, though later ones succeed.
func faultEverywhere(t *testing.T, live func(m *faultfs.Mutant, fail func(), powerCut func(faultfs.Promise) error) error) {
	t.Helper()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for _, fault := range faults {
			t.Run(fmt.Sprintf("%v/%v/%d", model, fault.err, fault.row), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					for at := 1; ; at++ {
						disk, began := faultfs.New(0, model), 0
						fail := func() {
							began = disk.Steps()
							disk.Fail(began+at, began+at+fault.row-1, fault.err)
						}
						powerCut := func(p faultfs.Promise) error { return disk.EachSurvivor(p.Check) }
						if fault.row > 1 {
							powerCut = func(faultfs.Promise) error { return nil }
						}
						require.NoError(t, live(faultfs.Unchanged(disk), fail, powerCut), "a fault at step %d", at)
						if disk.Steps() < began+at {
							require.Greater(t, at, 20, "the scenario has that many steps")
							return
						}
					}
				})
			})
		}
	}
}

// attempts is one more than any fault lasts.
const attempts = 4

// again does something until it succeeds. Its error must be the disk's.
func again(do func() error) func() error {
	return func() (err error) {
		for range attempts {
			err = do()
			if err == nil || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EIO) {
				return err
			}
		}
		return fmt.Errorf("not even at the fourth attempt: %w", err)
	}
}

// TestLedgerSurvivesDiskFaults: whoever is told of an error tries again and
// succeeds, the file is written anew, and what was confirmed before or after is
// safe.
func TestLedgerSurvivesDiskFaults(t *testing.T) {
	t.Parallel()
	faultEverywhere(t, func(m *faultfs.Mutant, fail func(), powerCut func(faultfs.Promise) error) error {
		k := &keeper{m: m, promised: map[string]promise{}}
		if err := k.open(); err != nil {
			return err
		}
		fail()
		for i, do := range []func() error{
			k.records("a", "b"), k.starts("a"), k.concludes("b"), k.finishes("a"),
			k.compacts, k.records("c"), k.kill, k.finishes("b"), k.starts("c"), k.records("d"),
		} {
			if err := again(do)(); err != nil {
				return fmt.Errorf("part %d: %w", i, err)
			}
			if err := powerCut(k.promise()); err != nil {
				return fmt.Errorf("part %d, then a power cut: %w", i, err)
			}
		}
		return errors.Join(k.l.Close(), nothingPilesUp(m.FS))
	})
}

// TestCommandsSurviveDiskFaults: every command that was acknowledged ends in one
// result, and none runs twice; one that could not be recorded is delivered again.
func TestCommandsSurviveDiskFaults(t *testing.T) {
	t.Parallel()
	faultEverywhere(t, func(m *faultfs.Mutant, fail func(), powerCut func(faultfs.Promise) error) error {
		h := newHost(m)
		if err := errors.Join(atomicfile.MkdirAll(m.FS, "/state", 0o700), h.start()); err != nil {
			return err
		}
		fail()
		err := h.despite(powerCut)
		return errors.Join(err, h.endAfter(err))
	})
}

func (h *host) despite(powerCut func(faultfs.Promise) error) error {
	for i, do := range []func() error{
		h.deliversUntilAcked(request("a")), h.deliversUntilAcked(late("v")), h.deliversUntilAcked(request("b")),
		again(h.restart),
		h.deliversUntilAcked(request("c")),
	} {
		if err := do(); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		if err := powerCut(h.promise()); err != nil {
			return fmt.Errorf("part %d, then a power cut: %w", i, err)
		}
	}
	return nil
}

// deliversUntilAcked is a source that delivers what was refused again.
func (h *host) deliversUntilAcked(c wire.Command) func() error {
	return func() error {
		for range attempts {
			err := again(h.delivers(c))()
			if err != nil {
				return err
			}
			if h.acked[c.RequestID] {
				return nil
			}
		}
		return fmt.Errorf("%s is never acknowledged", c.RequestID)
	}
}
