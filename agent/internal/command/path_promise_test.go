package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// complete: every acknowledged command has its one result, and the box is empty.
func (h *host) complete() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.acked {
		if n := len(h.results[wire.ResultID(id, "PC-1")]); n != 1 {
			return fmt.Errorf("%w: %s has %d results", errBroken, id, n)
		}
	}
	for id, n := range h.runs {
		if n > 1 {
			return fmt.Errorf("%w: %s has run %d times", errBroken, id, n)
		}
	}
	if h.life != nil {
		if s := h.life.box.Stats(); s.Pending+s.Stuck > 0 {
			return fmt.Errorf("%w: the box has %d pending, %d stuck", errBroken, s.Pending, s.Stuck)
		}
		if open := len(h.life.ledger.Unfinished()); open > 0 {
			return fmt.Errorf("%w: %d commands are not finished", errBroken, open)
		}
	}
	return nil
}

func (h *host) promise() faultfs.Promise {
	h.mu.Lock()
	defer h.mu.Unlock()
	then := &host{sent: slices.Clone(h.sent), acked: maps.Clone(h.acked), runs: maps.Clone(h.runs), results: h.copyResults()}
	return faultfs.Promise{
		Of:    fmt.Sprint(len(then.sent), then.acked, then.runs, then.results),
		Check: then.check, Restart: then.restartedOn,
	}
}

// on is the host with another disk.
func (h *host) on(m *faultfs.Mutant) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	other := newHost(m)
	other.sent, other.acked, other.runs, other.results = slices.Clone(h.sent), maps.Clone(h.acked), maps.Clone(h.runs), h.copyResults()
	return other
}

// restartedOn is the agent's next start after it was killed. It is killed again
// before the power fails.
func (h *host) restartedOn(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	h = h.on(m)
	err := inTurn(
		func() error { return atomicfile.MkdirAll(m.FS, "/state", 0o700) },
		func() error { return m.FS.SyncDir("/") }, // package statedir's affair
		h.start, h.rest,
	)
	if err == nil && len(h.sent) > 0 {
		err = h.delivers(h.sent...)()
	}
	promise := h.promise()
	m.KillAt(m.Steps())
	_ = h.end()
	if err == nil {
		err = check(promise)
	}
	return err
}

func (h *host) copyResults() map[string][]string {
	results := map[string][]string{}
	for id, all := range h.results {
		results[id] = slices.Clone(all)
	}
	return results
}

// check is the crash table: the agent starts again on what is found. What was
// acknowledged gets its result without any help; whatever its sender repeats is
// no second command.
func (h *host) check(found *faultfs.FS) error {
	after := h.on(faultfs.Unchanged(found))
	if err := after.start(); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	err := after.rest()
	if err == nil && len(after.sent) > 0 {
		err = after.delivers(after.sent...)()
	}
	for _, c := range after.sent {
		if err == nil && !after.acked[c.RequestID] {
			err = fmt.Errorf("%w: %s is not acknowledged", errBroken, c.RequestID)
		}
	}
	return errors.Join(err, after.end())
}
