package command

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// candidate is one command between the queue and its end.
type candidate struct {
	item
	ready  chan struct{} // closed when it is marked, or will not run
	placed chan struct{} // closed when it has a slot, or needs none

	// Set before ready is closed.
	marked   bool // as started; otherwise result and ok say what to do
	result   wire.Result
	ok       bool
	command  wire.Command
	accepted time.Time
	killed   <-chan struct{} // closed at a kill, and when what runs is to end
	bound    func() (context.Context, context.CancelCauseFunc)

	slot bool // set before placed is closed
}

// mark takes commands from the queue and marks them as started, several at a
// time, ahead of their slots. It closes marked when ctx ends.
func (p *performer) mark(ctx, stop context.Context, marked chan<- *candidate) {
	defer close(marked)
	var last *candidate
	for p.mayMark(ctx, last) {
		it, err := p.queue.pop(ctx)
		if err != nil {
			<-p.inFlight
			return
		}
		last = &candidate{item: it, ready: make(chan struct{}), placed: make(chan struct{})}
		p.ahead.Add(1)
		go p.prepare(stop, last) // place waits for its end
		marked <- last
	}
}

// mayMark takes a place among those in flight. While commands are not quick it
// also waits until the last one has its slot.
func (p *performer) mayMark(ctx context.Context, last *candidate) bool {
	if !acquire(ctx, p.inFlight) {
		return false
	}
	if last == nil || p.quick.Load() {
		return true
	}
	select {
	case <-last.placed:
		return true
	case <-ctx.Done():
		<-p.inFlight
		return false
	}
}

func (p *performer) prepare(stop context.Context, r *candidate) {
	defer close(r.ready)
	r.result, r.ok = p.protect(r.item, func() (wire.Result, bool) { return p.decideAndMark(stop, r) })
}

func (p *performer) decideAndMark(stop context.Context, r *candidate) (wire.Result, bool) {
	body, accepted, ok := p.ledger.Body(r.key)
	if !ok {
		return wire.Result{}, false
	}
	c, v := p.decide(r.key, body)
	if !v.Run {
		return p.conclude(stop, r.item, c, v)
	}
	if err := p.ledger.Start(r.key, r.attempt); err != nil {
		p.putBack(stop, r.item, err)
		return wire.Result{}, false
	}
	if p.blocked.Swap(false) {
		p.log.Info("commands start again: the ledger can be written")
	}
	ctx, cancel := p.runs.bind(stop, c.ExecID, r.key)
	r.command, r.accepted, r.killed = c, accepted, ctx.Done()
	r.bound = func() (context.Context, context.CancelCauseFunc) { return ctx, cancel }
	r.marked = true
	return wire.Result{}, true
}

// place gives a marked command its slot; one that is killed, or that the end of
// ctx overtakes, gets none.
func (p *performer) place(ctx context.Context, r *candidate) {
	defer close(r.placed)
	defer p.ahead.Add(-1)
	<-r.ready
	if !r.marked || ctx.Err() != nil {
		return
	}
	select {
	case p.slots <- struct{}{}:
		r.slot = true
	case <-r.killed:
	case <-ctx.Done():
	}
}

// finish brings a command to its result.
func (p *performer) finish(stop context.Context, r *candidate) (wire.Result, bool) {
	if !r.marked {
		return r.result, r.ok
	}
	ctx, cancel := r.bound()
	defer cancel(nil)
	if r.slot {
		defer func() { <-p.slots }()
	}
	killed := errors.Is(context.Cause(ctx), errKilled)
	if !r.slot && !killed {
		p.ledger.Hold(r.key) // the agent stops; the next start runs it
		return wire.Result{}, false
	}
	facts := p.gather(r.command)
	facts.Killed = killed
	if v := Decide(r.command, facts); !v.Run {
		result := VerdictResult(r.command, p.pcID, v, p.now())
		if err := p.ledger.Conclude(r.key, result.Encode()); err != nil {
			p.ledger.Hold(r.key)
			p.putBack(stop, r.item, err)
			return wire.Result{}, false
		}
		return result, true
	}
	return p.start(ctx, r), true
}

// start runs a command whose start is on disk, and always has a result.
func (p *performer) start(ctx context.Context, r *candidate) wire.Result {
	c, began := r.command, p.now()
	p.log.Info("command started", "request_id", c.RequestID, "job", c.ID, "shell", c.Shell,
		"waited", began.Sub(r.accepted).Round(time.Millisecond))
	p.started.Add(1)
	defer p.started.Add(-1)
	var told sync.WaitGroup
	told.Go(func() { p.events.Started(context.WithoutCancel(ctx), c, began) })
	outcome, err := p.runProtected(ctx, p.shells[c.Shell], c, r.attempt)
	told.Wait()
	p.quick.Store(p.now().Sub(began) < quickRun)
	outcome.Started = began // as the started event has it
	if outcome.Finished.IsZero() {
		outcome.Finished = p.now()
	}
	result := resultOfRun(c, p.pcID, outcome, err, context.Cause(ctx))
	if c.Emit != nil && result.ExitCode == 0 && p.events.Emit(context.WithoutCancel(ctx), c, result.Stdout) {
		result.Stdout = ""
	}
	return fitted(result)
}
