package command

import (
	"crypto/sha256"
	"errors"
	"os"
	"path"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// late is a command that gets a verdict instead of a run.
func late(id string) wire.Command {
	c := request(id)
	c.DeadlineAt = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	return c
}

func named(ids ...string) (all []wire.Command) {
	for _, id := range ids {
		all = append(all, request(id))
	}
	return all
}

// killedBeforeTheSync: a process was killed when it had written a command to the
// ledger, with nothing synced yet. The next one finds it there, and acknowledges
// its copy at once.
func killedBeforeTheSync(h *host) error {
	c := request("a")
	c.JitterSecs = 10 // so that nothing but the copy's answer comes first
	data, err := c.Encode()
	if err != nil {
		return err
	}
	l := &Ledger{now: time.Now, uptime: func() time.Duration { return 0 }, pcID: "PC-1"}
	_, ln := l.entryOf(Admission{Key: l.KeyOf("a"), Sum: sha256.Sum256(data), Body: data, Due: time.Now().Add(time.Hour)})
	encoded, err := ln.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(h.m.FS, crashLedger, 0o700); err != nil {
		return err
	}
	box, err := outbox.Open(crashResults, outbox.WithFS(h.m.FS)) // the box was there
	if err != nil {
		return err
	}
	if err := box.Close(); err != nil {
		return err
	}
	f, err := h.m.FS.OpenFile(path.Join(crashLedger, LedgerFile("PC-1")), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(encoded); err != nil {
		return err
	}
	return inTurn(f.Close, h.start, h.delivers(c), h.delivers(named("b")...))
}

// togetherScenario is the one in which things happen at the same time, not always
// in the same order. No two steps of it can be swapped on purpose.
const togetherScenario = "a batch, while the box drains"

var pathScenarios = map[string]func(h *host) error{
	"one after the other": func(h *host) error {
		return inTurn(h.start, h.delivers(named("a")...), h.delivers(late("v")), h.delivers(named("b", "a")...))
	},
	togetherScenario: func(h *host) error {
		h.drains = true
		return inTurn(h.start, h.delivers(request("a"), request("b"), late("v"), request("a")), h.delivers(named("c")...))
	},
	"restart and compaction": func(h *host) error {
		return inTurn(
			h.start, h.delivers(named("a")...),
			func() error { return compact(h.life.ledger) },
			h.delivers(late("v")), h.restart, h.delivers(named("a", "b")...),
		)
	},
	"killed before the sync": killedBeforeTheSync,
	"the ledger's sync fails": func(h *host) error {
		return inTurn(
			h.start, h.delivers(named("a")...),
			func() error { h.m.FailNext("sync journal", syscall.EIO); return nil },
			h.delivers(named("b")...), h.delivers(late("v")),
		)
	},
}

func pathSuites(model faultfs.Model) map[string]*faultfs.Suite {
	all := map[string]*faultfs.Suite{}
	for name, run := range pathScenarios {
		all[name] = &faultfs.Suite{
			Model: model, Packages: []string{crashPackage, "github.com/kanade-go/kanade/outbox"},
			Helpers: []string{"writeSync", "dirSync"}, Class: classOf,
			Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
				h := newHost(m)
				err := errors.Join(atomicfile.MkdirAll(m.FS, "/state", 0o700), run(h))
				promise := h.promise() // the power is gone, or could go now
				return promise, errors.Join(err, h.endAfter(err))
			},
		}
	}
	return all
}

// endAfter cares for the errors of the end only where there were none before.
func (h *host) endAfter(before error) error {
	if err := h.end(); before == nil && !h.m.Cut() {
		return err
	}
	return nil
}

// TestCommandsSurviveLostPower cuts the power at every step on the way of
// commands, and holds what comes of every disk that can be found against the
// crash table.
func TestCommandsSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for name, suite := range pathSuites(model) {
			t.Run(model.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					require.NoError(t, suite.Run(faultfs.Mutation{}))
				})
			})
		}
	}
}
