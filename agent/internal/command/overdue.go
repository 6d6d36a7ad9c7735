package command

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// runOverdue decides about commands whose deadline passes while they wait, so
// that they are answered then, and not when it would be their turn.
func (p *performer) runOverdue(ctx, stop, store context.Context) error {
	var active sync.WaitGroup
	defer active.Wait()
	for {
		it, err := p.queue.popOverdue(ctx)
		if err != nil {
			return err
		}
		if !p.inFlight.take(ctx) {
			p.queue.again(it, time.Time{}) // where a kill still finds it
			p.killMissed(&candidate{item: it, command: p.commandOf(it)})
			return ctx.Err()
		}
		p.handle(store, &active, it, func() {}, func() (wire.Result, bool) { return p.decideOverdue(ctx, stop, newCandidate(it)) })
	}
}

func (p *performer) decideOverdue(ctx, stop context.Context, r *candidate) (wire.Result, bool) {
	result, ok := p.decideNow(ctx, stop, r, func() error { return nil })
	if r.runs { // the clock was set back
		p.queue.again(r.item, time.Time{})
		p.killMissed(r)
		return wire.Result{}, false
	}
	if !r.awaits {
		p.fetches.forget(r.key)
	}
	return result, ok
}

// overdue is signalled when the deadline of a command passes.
func (p *performer) overdue(r *candidate) (<-chan time.Time, func()) {
	if r.deadline.IsZero() || !r.marked {
		return nil, func() {}
	}
	timer := time.NewTimer(untilLate(r.deadline, p.now()))
	return timer.C, func() { timer.Stop() }
}

// maxUntilLate keeps sums of times from overflowing.
const maxUntilLate = 100 * 365 * 24 * time.Hour

// untilLate is how long a command with a deadline is not late yet; not more than
// 0 if it is.
func untilLate(deadline, now time.Time) time.Duration {
	return min(deadline.Sub(now), maxUntilLate) + time.Millisecond
}

// limit finds when a command is overdue. No wait that has an end, such as a
// jitter, goes beyond the deadline; one that begins after it does. It is called
// with the lock held.
func (q *queue) limit(it *item) {
	if it.deadline.IsZero() {
		return
	}
	left, now := untilLate(it.deadline, q.now()), time.Now()
	it.late = now.Add(left)
	switch {
	case it.due.Before(it.late):
	case left > 0:
		it.due = it.late
	default:
		it.late = it.due
	}
	heap.Push(&q.late, it)
	signal(q.wakeLate)
}

// popOverdue returns the next command whose deadline has passed while it waited;
// it blocks until there is one.
func (q *queue) popOverdue(ctx context.Context) (item, error) {
	return await(ctx, q.wakeLate, q.nextOverdue)
}

// nextOverdue returns the item that is overdue, or how long to wait for one.
func (q *queue) nextOverdue() (*item, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.late) == 0 {
		return nil, time.Hour
	}
	it := q.late[0]
	if wait := time.Until(it.late); wait > 0 {
		return nil, wait
	}
	q.take(it)
	return it, 0
}

// overdue implements heap.Interface.
type overdue []*item

func (o overdue) Len() int { return len(o) }

func (o overdue) Less(a, b int) bool { return o[a].late.Before(o[b].late) }

func (o overdue) Swap(a, b int) {
	o[a], o[b] = o[b], o[a]
	o[a].latePlace, o[b].latePlace = a, b
}

func (o *overdue) Push(x any) {
	it := x.(*item)
	it.latePlace = len(*o)
	*o = append(*o, it)
}

func (o *overdue) Pop() any {
	old := *o
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*o = old[:len(old)-1]
	return last
}
