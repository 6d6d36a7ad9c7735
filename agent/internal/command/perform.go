package command

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// Shell runs the commands that name it.
type Shell interface {
	// Available says why the shell cannot be used on this host, or nil.
	Available() error
	// Run ends when the command has ended or ctx did. Attempt counts from 1.
	Run(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error)
	// Repeatable: a run that a restart interrupted may be run again.
	Repeatable() bool
}

// storing is how many results may be on their way to the disk beside the runs.
const storing = 32

// lookahead is how many commands may be marked as started before there is a slot
// for them, so that their marks share syncs. A power cut reports them as
// interrupted although they never ran, so it is done only while commands are
// quick; otherwise one waits at a time.
const lookahead = 8

// quickRun is how soon a command must be over for the next ones to be marked
// ahead.
const quickRun = time.Second

// performer takes commands from the queues to the outbox.
type performer struct {
	ledger   *Ledger
	queue    *queue // to be run: each needs a slot
	verdicts *queue // to be answered without a run
	runs     *runs
	scripts  Scripts
	fetches  fetches
	sink     Sink
	shells   map[string]Shell
	events   Events
	gather   func(context.Context, wire.Command) Facts
	pcID     string
	now      func() time.Time
	log      *slog.Logger

	slots    *slots        // one a running command
	inFlight *slots        // running, or on the way to the disk
	ahead    atomic.Int64  // taken from the queue, without a slot yet
	fewer    chan struct{} // holds one signal: ahead went down
	started  atomic.Int64
	quick    atomic.Bool // the last command was over soon
	blocked  atomic.Bool // the ledger could not be written last time
	unknown  atomic.Bool // nothing was known of the job of the last command
}

// running is how many commands run now.
func (p *performer) running() int { return int(p.started.Load()) }

// runQueued starts what is due until ctx ends, and then waits for what it
// started. stop ends the commands that still run; store ends the attempts to
// store their results.
func (p *performer) runQueued(ctx, stop, store context.Context) error {
	defer p.fetches.active.Wait() // they end with ctx
	var active sync.WaitGroup
	defer active.Wait()
	marked := make(chan *candidate, lookahead)
	active.Go(func() { p.mark(ctx, stop, marked) })
	for r := range marked {
		p.enlist(r)
		p.handle(store, &active, r.item, func() { r.leave() }, func() (wire.Result, bool) {
			p.place(ctx, r)
			result, ok := p.finish(stop, r)
			if !large(result) {
				r.leave()
			}
			return result, ok
		})
	}
	return ctx.Err()
}

// handle works on one command in a goroutine of its own, which gives back its
// place among those in flight, and its slot at the latest then.
func (p *performer) handle(store context.Context, active *sync.WaitGroup, it item, leave func(), work func() (wire.Result, bool)) {
	active.Go(func() {
		defer p.inFlight.giveBack()
		defer leave()
		if result, ok := p.protect(it, work); ok {
			p.deliver(store, it.key, result)
		}
	})
}

// runVerdicts answers what gets no run; it never waits for a slot.
func (p *performer) runVerdicts(ctx, store context.Context) error {
	var active sync.WaitGroup
	defer active.Wait()
	for {
		if !p.inFlight.take(ctx) {
			return ctx.Err()
		}
		it, err := p.verdicts.pop(ctx)
		if err != nil {
			p.inFlight.giveBack()
			return err
		}
		p.handle(store, &active, it, func() {}, func() (wire.Result, bool) { return p.answer(it) })
	}
}

// killWaiting records the verdict of a killed command that waits, at once: a
// stop or a crash must not bring it back.
func (p *performer) killWaiting(key Key) {
	p.refuseWaiting(key, func(c wire.Command) Verdict {
		return Verdict{ExitCode: wire.ExitFailed, Reason: wire.KilledNote(c.ExecID)}
	})
}

// answer returns the recorded verdict of a command.
func (p *performer) answer(it item) (wire.Result, bool) {
	if it.owed != nil && !p.settle(it) {
		return wire.Result{}, false
	}
	payload, ok := p.ledger.Verdict(it.key)
	if !ok {
		return wire.Result{}, false
	}
	r, err := wire.DecodeResult(payload)
	if err != nil {
		p.log.Error("a recorded result cannot be read and is lost", "error", err)
	}
	return r, err == nil
}

// decide decides anew with the facts of now.
func (p *performer) decide(ctx context.Context, key Key, body []byte) (wire.Command, Verdict) {
	c, err := wire.DecodeCommand(body)
	if err != nil {
		// It could be read when it was accepted, by another release.
		return c, Verdict{ExitCode: wire.ExitFailed, Reason: err.Error()}
	}
	facts := p.gather(ctx, c)
	facts.Killed = p.runs.killed(c.ExecID, key)
	return c, Decide(c, facts)
}

// conclude puts the verdict on disk first: a restart must not decide again what
// was already answered.
func (p *performer) conclude(ctx context.Context, it item, c wire.Command, v Verdict) (wire.Result, bool) {
	r := VerdictResult(c, p.pcID, v, p.now())
	if err := p.ledger.Conclude(it.key, r.Encode()); err != nil {
		p.putBack(ctx, it, err)
		return wire.Result{}, false
	}
	return r, true
}

// putBack returns a command that could not be marked as started: without that
// mark it must not run. It is tried again in a while. One that the ledger has in
// another state than expected never could be: it is reported as interrupted.
func (p *performer) putBack(stop context.Context, it item, err error) {
	switch {
	case errors.Is(err, errNotOpen):
		p.owe(it, interruptedResult(p.commandOf(it), p.pcID, p.now(), p.now()))
	case errors.Is(err, errJournalClosed): // the next start finds it accepted
	case stop.Err() != nil: // likewise, unless a kill finds it before
		p.queue.again(it, time.Time{})
	default:
		p.blockedBy(stop, err)
		p.queue.again(it, time.Now().Add(pauseFor(p.queue.len())))
	}
}

// blockedBy tells once that nothing gets on.
func (p *performer) blockedBy(ctx context.Context, err error) {
	level := slog.LevelDebug
	if !p.blocked.Swap(true) {
		level = slog.LevelError
	}
	p.log.Log(ctx, level, "commands wait: nothing starts unless its start and its result can be stored", "error", err, "wait", ledgerPause)
}

const ledgerPause = 5 * time.Second

// pauseFor spaces the attempts so that there are a thousand a second on average,
// at the most, however many commands wait.
func pauseFor(waiting int) time.Duration {
	return ledgerPause + time.Duration(waiting)*time.Millisecond
}
