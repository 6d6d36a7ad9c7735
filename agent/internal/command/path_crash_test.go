package command

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const crashResults = "/state/results"

// host is a machine with the whole way of a command on one disk, from its
// delivery over ledger and outbox to the broker's acknowledgement. What is beside
// the disk outlives a power cut.
type host struct {
	m *faultfs.Mutant

	mu      sync.Mutex
	sent    []wire.Command
	acked   map[string]bool
	runs    map[string]int
	results map[string][]string // payloads by result ID, each once
	life    *life
	drains  bool // all the time; otherwise only when everything else is at rest
}

// life is one process.
type life struct {
	ledger  *Ledger
	box     *outbox.Outbox
	service *Service
	in      chan delivery.Delivery
	cancel  context.CancelFunc
	loops   sync.WaitGroup
}

func newHost(m *faultfs.Mutant) *host {
	return &host{m: m, acked: map[string]bool{}, runs: map[string]int{}, results: map[string][]string{}}
}

// start is the agent's: first the ledger, then the box.
func (h *host) start() error {
	l := &life{in: make(chan delivery.Delivery)}
	var err error
	if l.ledger, _, err = OpenLedger(h.m, crashLedger, "PC-1", time.Now); err != nil {
		return err
	}
	agreed := func(ctx context.Context, r outbox.Record) error {
		return l.ledger.WaitFinished(ctx, l.ledger.KeyOf(r.Name))
	}
	if l.box, err = outbox.Open(crashResults, outbox.WithFS(h.m), outbox.WithWindow(1), outbox.WithBeforeRemove(agreed)); err != nil {
		return errors.Join(err, l.ledger.Close())
	}
	l.service = New(Config{
		PCID: "PC-1", Ledger: l.ledger, Sink: l.box, Shells: map[string]Shell{"sh": &fakeShell{run: h.run}},
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Slots: 1, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	h.life = l
	l.service.Recover()
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.loops.Go(func() { _ = l.service.Admit(ctx, l.in) })
	l.loops.Go(func() { _ = l.service.Perform(ctx, time.Second) })
	if h.drains {
		l.loops.Go(func() { _ = l.box.Drain(ctx, h) })
	}
	return nil
}

// end is an orderly stop, as far as the disk lets it.
func (h *host) end() error {
	l := h.life
	h.life = nil
	if l == nil {
		return nil
	}
	if l.cancel != nil {
		close(l.in)
		l.cancel()
		l.loops.Wait()
	}
	return errors.Join(l.box.Close(), l.ledger.Close())
}

func (h *host) restart() error {
	if err := h.end(); err != nil {
		return err
	}
	return h.start()
}

func (h *host) run(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
	err := h.m.Do("run", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.runs[c.RequestID]++
		return nil
	})
	return exited(0, "ran "+c.RequestID), err
}

// PublishMsg is the results' stream.
func (h *host) PublishMsg(_ context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	err := h.m.Do("publish", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		id := m.Header.Get(jetstream.MsgIDHeader)
		if !slices.Contains(h.results[id], string(m.Data)) {
			h.results[id] = append(h.results[id], string(m.Data))
		}
		return nil
	})
	return &jetstream.PubAck{Stream: "RESULTS"}, err
}

// delivers hands commands over together, so that they share a batch, and lets
// everything come to rest.
func (h *host) delivers(commands ...wire.Command) func() error {
	return func() error {
		var batch []delivery.Delivery
		for _, c := range commands {
			data, err := c.Encode()
			if err != nil {
				return err
			}
			h.note(c)
			batch = append(batch, delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Replay, Settle: h.settler(c.RequestID)})
		}
		h.life.service.admit.admit(context.Background(), batch)
		return h.rest()
	}
}

func (h *host) note(c wire.Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.sent, func(o wire.Command) bool { return o.RequestID == c.RequestID }) {
		h.sent = append(h.sent, c)
	}
}

func (h *host) settler(id string) func(delivery.Settlement) {
	return func(s delivery.Settlement) {
		if s != delivery.Ack {
			return
		}
		_ = h.m.Do("ack", func() error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.acked[id] = true
			return nil
		})
	}
}

// rest lets time pass for what happens by itself. What can still not be done
// then is the scenario's failure.
func (h *host) rest() error {
	time.Sleep(time.Minute)
	synctest.Wait()
	if !h.drains {
		if _, err := h.life.box.Flush(context.Background(), h); err != nil {
			return err
		}
	}
	if h.m.Cut() {
		return faultfs.ErrPowerCut
	}
	return h.complete()
}

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
