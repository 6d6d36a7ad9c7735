package command

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
)

// Config is what the command path needs from the agent.
type Config struct {
	PCID   string
	Ledger *Ledger
	Sink   Sink
	// Shells by the name a command gives.
	Shells map[string]Shell
	Verify Verify // nil: every command is trusted
	Events Events
	// Lookup knows the pins and the revocations; nil: there are none.
	Lookup Lookup
	// Scripts has the scripts of commands that name one; nil: there are none.
	Scripts Scripts
	// Offline says how long the connection has been lost: 0 while it is up,
	// wire.NeverConnected before the first one.
	Offline func() time.Duration
	// Slots is how many commands run at once where the settings say nothing; 0: the
	// number of CPUs.
	Slots int
	// Settings are those of the host, with what is closed when they change; nil:
	// there are none.
	Settings func() (wire.EffectiveConfig, <-chan struct{})
	Now      func() time.Time
	Logger   *slog.Logger
}

// Events is told what happens to commands.
type Events interface {
	// Started says that a run has begun.
	Started(ctx context.Context, c wire.Command, at time.Time)
	// Emit stores what a script reports on its standard output, and says
	// whether every line of it is stored.
	Emit(ctx context.Context, c wire.Command, stdout string) (all bool)
	// Observe says what else was noticed.
	Observe(ctx context.Context, kind string, payload map[string]string)
}

// Service is the command path.
type Service struct {
	admit    *admitter
	perform  *performer
	ledger   *Ledger
	queue    *queue
	verdicts *queue
	runs     *runs
	now      func() time.Time
	log      *slog.Logger
	shells   map[string]Shell
	known    string // the names of shells, for messages
	offline  func() time.Duration
	lookup   Lookup
	counters Counters

	concurrency func() (n int, changed <-chan struct{})
}

// Counters count since the start of the process.
type Counters struct {
	received, duplicates, conflicts, refused, unreadable, unrecorded atomic.Uint64
}

// New builds the command path. It starts nothing.
func New(cfg Config) *Service {
	if cfg.Lookup == nil {
		cfg.Lookup = everyScript{}
	}
	if cfg.Scripts == nil {
		cfg.Scripts = noScripts{}
	}
	s := &Service{
		ledger: cfg.Ledger, queue: newQueue(cfg.Now), verdicts: newQueue(cfg.Now), runs: newRuns(cfg.Now),
		now: cfg.Now, log: cfg.Logger, shells: cfg.Shells, offline: cfg.Offline, lookup: cfg.Lookup,
		known: strings.Join(slices.Sorted(maps.Keys(cfg.Shells)), ", "), concurrency: cfg.concurrency,
	}
	atOnce, _ := s.concurrency()
	s.admit = &admitter{
		ledger: s.ledger, queue: s.queue, verdicts: s.verdicts, runs: s.runs, sink: cfg.Sink,
		gather: s.gatherKnown, verify: cfg.Verify, events: cfg.Events, pcID: cfg.PCID, now: s.now, log: s.log, counters: &s.counters,
		refusals: newAllowance(refusalBurst), localRefusals: newAllowance(localRefusalBurst), conflicts: newAllowance(conflictBurst),
	}
	s.perform = &performer{
		ledger: s.ledger, queue: s.queue, verdicts: s.verdicts, runs: s.runs, sink: cfg.Sink,
		scripts: cfg.Scripts, fetches: newFetches(),
		shells: s.shells, gather: s.gatherAsking, events: cfg.Events, pcID: cfg.PCID, now: s.now, log: s.log,
		fewer: make(chan struct{}, 1), slots: newSlots(atOnce), inFlight: newSlots(atOnce + inFlightBeside),
	}
	s.admit.killWaiting = s.perform.killWaiting
	return s
}

// Admit takes deliveries until in is closed.
func (s *Service) Admit(ctx context.Context, in <-chan delivery.Delivery) error {
	return s.admit.run(ctx, in)
}

// endGrace is what a command that was told to end may take for it: a shell's
// TERM, KILL and the rest of its output, and the storing of the result.
const endGrace = 7500 * time.Millisecond

// Perform runs what was admitted until ctx ends. Commands that still run then
// have grace to end by themselves before they are killed; their results are
// stored before Perform returns. What does not end even then (Go code cannot be
// killed) is left behind: the next start reports it as interrupted.
func (s *Service) Perform(ctx context.Context, grace time.Duration) error {
	stop, cancelStop := context.WithCancelCause(context.WithoutCancel(ctx))
	store, cancelStore := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelStore()
	var loops sync.WaitGroup
	loops.Go(func() { _ = s.perform.runQueued(ctx, stop, store) })
	loops.Go(func() { _ = s.perform.runVerdicts(ctx, store) })
	loops.Go(func() { _ = s.perform.runOverdue(ctx, stop, store) })
	loops.Go(func() { s.followSettings(ctx) })
	done := make(chan struct{})
	go func() { loops.Wait(); close(done) }()
	<-ctx.Done()
	if !within(grace, done) {
		s.log.Warn("commands still run after the grace and are ended", "grace", grace)
	}
	cancelStop(errStopped)
	if !within(endGrace, done) {
		s.log.Error("commands did not end when they were told to; the next start reports them as interrupted",
			"commands", s.perform.running())
	}
	return nil
}

func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Kill ends every command of an execution, wherever it is on its way. One that
// waits is answered at once.
func (s *Service) Kill(execID string) {
	keys := s.runs.kill(execID)
	for _, key := range keys {
		s.perform.killWaiting(key)
	}
	if len(keys) > 0 {
		s.log.Info("kill received", "exec_id", execID, "commands", len(keys))
	}
}

// gatherKnown gathers the facts of a decision without asking the broker.
func (s *Service) gatherKnown(c wire.Command) Facts {
	return s.gather(c, s.lookup.Known(c.ID))
}

// gatherAsking asks the broker where that may change the decision.
func (s *Service) gatherAsking(ctx context.Context, c wire.Command) Facts {
	return s.gather(c, s.lookup.Ask(ctx, c.ID, c.Version))
}

func (s *Service) gather(c wire.Command, known wire.ScriptState) Facts {
	f := Facts{Now: s.now(), Offline: s.offline(), Script: known}
	if sh, ok := s.shells[c.Shell]; ok {
		f.Shell = sh.Available()
	} else {
		f.Shell = fmt.Errorf("not run: unknown shell %.40q; this agent knows %s", c.Shell, s.known)
	}
	return f
}

// Status is a snapshot of the command path.
type Status struct {
	Waiting, Running                                                 int
	AtOnce                                                           int // may run
	Received, Duplicates, Conflicts, Refused, Unreadable, Unrecorded uint64
	Ledger                                                           Counts
}

// Status may be called at any time.
func (s *Service) Status() Status {
	c := &s.counters
	return Status{
		Waiting: s.queue.len() + int(s.perform.ahead.Load()), Running: s.perform.running(), AtOnce: s.perform.slots.size(),
		Received: c.received.Load(), Duplicates: c.duplicates.Load(), Conflicts: c.conflicts.Load(),
		Refused: c.refused.Load(), Unreadable: c.unreadable.Load(), Unrecorded: c.unrecorded.Load(),
		Ledger: s.ledger.Counts(),
	}
}
