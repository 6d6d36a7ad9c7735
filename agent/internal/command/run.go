package command

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// candidate is one command between the queue and its end.
type candidate struct {
	item
	ready chan struct{} // closed when it is marked, or will not run

	// Set before ready is closed.
	runs     bool // by the decision
	awaits   bool // its script
	marked   bool // as started; otherwise result and ok say what to do
	result   wire.Result
	ok       bool
	command  wire.Command
	accepted time.Time
	killed   <-chan struct{} // closed at a kill, and when what runs is to end
	bound    func() (context.Context, context.CancelCauseFunc)

	turn chan struct{} // closed when it has a slot
	slot bool          // it took its turn
	// leave gives back the slot, or the place in the line of those that wait for
	// one, if there is either; further calls do nothing.
	leave func()
}

// mark takes commands from the queue and marks them as started, several with one
// sync, ahead of their slots. It closes marked when ctx ends.
func (p *performer) mark(ctx, stop context.Context, marked chan<- *candidate) {
	defer close(marked)
	for p.mayMark(ctx) {
		group := p.nextGroup(ctx)
		if len(group) == 0 {
			return
		}
		p.ahead.Add(int64(len(group)))
		go p.prepare(ctx, stop, group) // runQueued waits for its end
		for _, r := range group {
			marked <- r
		}
	}
}

// mayMark waits until few of those that are marked have no slot yet; while
// commands are not quick, until none has. Few means enough for the time of a sync.
func (p *performer) mayMark(ctx context.Context) bool {
	for p.ahead.Load() > p.few() {
		select {
		case <-p.fewer:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

func (p *performer) few() int64 {
	if !p.quick.Load() {
		return 0
	}
	return int64(min(lookahead/2, p.slots.size()))
}

// nextGroup waits for a command that is due, and takes others that are due too
// while commands are quick. Each takes a place among those in flight.
func (p *performer) nextGroup(ctx context.Context) (group []*candidate) {
	if !p.inFlight.take(ctx) {
		return nil
	}
	it, err := p.queue.pop(ctx)
	if err != nil {
		p.inFlight.giveBack()
		return nil
	}
	group = append(group, newCandidate(it))
	for p.quick.Load() && p.ahead.Load()+int64(len(group)) < lookahead {
		if !p.inFlight.tryTake() {
			return group
		}
		it, ok := p.queue.poll()
		if !ok {
			p.inFlight.giveBack()
			return group
		}
		group = append(group, newCandidate(it))
	}
	return group
}

func newCandidate(it item) *candidate {
	return &candidate{item: it, ready: make(chan struct{}), leave: func() {}}
}

// prepare decides about each of the group and marks, with one sync, those that
// run.
func (p *performer) prepare(ctx, stop context.Context, group []*candidate) {
	var deciding sync.WaitGroup
	room := sync.OnceValue(func() error { return roomFor(p.sink) })
	for _, r := range group {
		defer close(r.ready)
		deciding.Go(func() {
			r.result, r.ok = p.protect(r.item, func() (wire.Result, bool) { return p.decideNow(ctx, stop, r, room) })
			if !r.awaits {
				p.fetches.forget(r.key)
			}
		})
	}
	deciding.Wait()
	p.markAll(stop, slices.DeleteFunc(slices.Clone(group), func(r *candidate) bool { return !r.runs }))
}

// decideNow returns the result of a command that does not run.
func (p *performer) decideNow(ctx, stop context.Context, r *candidate, room func() error) (wire.Result, bool) {
	body, accepted, ok := p.ledger.Body(r.key)
	if !ok {
		return wire.Result{}, false
	}
	c, v := p.decide(stop, r.key, body)
	r.command, r.accepted = c, accepted
	switch {
	case v.Wait:
		p.await(stop, r)
		return wire.Result{}, false
	case !v.Run:
		return p.conclude(stop, r.item, c, v)
	}
	p.knows(stop)
	if err := room(); err != nil {
		p.postpone(stop, r, err)
		return wire.Result{}, false
	}
	switch fetch, v := p.fillIn(&r.command); {
	case v.Wait:
		p.awaitScript(ctx, r, fetch)
		return wire.Result{}, false
	case !v.Run:
		return p.conclude(stop, r.item, c, v)
	}
	r.runs = true
	return wire.Result{}, false
}

// postpone puts back a command that was to run. A kill that came since the
// decision has not found it in the queue.
func (p *performer) postpone(stop context.Context, r *candidate, err error) {
	p.putBack(stop, r.item, err)
	p.killMissed(r)
}

// killMissed answers a command that was killed while it was not in the queue.
func (p *performer) killMissed(r *candidate) {
	if p.runs.killed(r.command.ExecID, r.key) {
		p.killWaiting(r.key)
	}
}

func (p *performer) markAll(stop context.Context, run []*candidate) {
	starts := make([]Start, len(run))
	for i, r := range run {
		starts[i] = Start{r.key, r.attempt}
	}
	for i, err := range p.ledger.StartAll(starts) {
		r := run[i]
		if err != nil {
			p.postpone(stop, r, err)
			continue
		}
		if p.blocked.Swap(false) {
			p.log.Info("commands start again: the ledger can be written")
		}
		ctx, cancel := p.runs.bind(stop, r.command.ExecID, r.key)
		r.killed = ctx.Done()
		r.bound = func() (context.Context, context.CancelCauseFunc) { return ctx, cancel }
		r.marked = true
	}
}

// enlist puts a marked command in the line of those that wait for a slot.
func (p *performer) enlist(r *candidate) {
	<-r.ready
	if r.marked {
		r.turn = p.slots.ask()
		r.leave = sync.OnceFunc(func() { p.slots.leave(r.turn) })
	}
}

// place waits until a marked command has its slot; one that is killed, or late,
// or that the end of ctx overtakes, gets none.
func (p *performer) place(ctx context.Context, r *candidate) {
	defer p.advance()
	overdue, stop := p.overdue(r)
	defer stop()
	if r.marked && ctx.Err() == nil {
		select {
		case <-r.turn:
			r.slot = true
			return
		case <-overdue:
		case <-r.killed:
		case <-ctx.Done():
		}
	}
	r.leave()
}

// advance tells mark that one less waits for its slot.
func (p *performer) advance() {
	p.ahead.Add(-1)
	select {
	case p.fewer <- struct{}{}:
	default:
	}
}

// finish brings a command to its result.
func (p *performer) finish(stop context.Context, r *candidate) (wire.Result, bool) {
	if !r.marked {
		return r.result, r.ok
	}
	ctx, cancel := r.bound()
	defer cancel(nil)
	killed := errors.Is(context.Cause(ctx), errKilled)
	if !r.slot && !killed {
		p.ledger.Hold(r.key)               // the agent stops, and the next start runs it; or it is late: see runOverdue
		p.queue.again(r.item, time.Time{}) // where a kill still finds it
		p.killMissed(r)
		return wire.Result{}, false
	}
	facts := p.gather(ctx, r.command)
	facts.Killed = killed
	switch v := Decide(r.command, facts); {
	case v.Wait:
		p.ledger.Hold(r.key)
		p.await(stop, r)
		return wire.Result{}, false
	case !v.Run:
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
	told.Go(func() { p.tell(context.WithoutCancel(ctx), c, began) })
	outcome, err := p.runProtected(ctx, p.shells[c.Shell], c, r.attempt)
	told.Wait()
	p.quick.Store(p.now().Sub(began) < quickRun)
	outcome.Started = began // as the started event has it
	if outcome.Finished.IsZero() {
		outcome.Finished = p.now()
	}
	result := resultOfRun(c, p.pcID, outcome, err, context.Cause(ctx))
	if c.Emit != nil && result.ExitCode == 0 && p.emit(context.WithoutCancel(ctx), c, result.Stdout) {
		result.Stdout = ""
	}
	return result
}
