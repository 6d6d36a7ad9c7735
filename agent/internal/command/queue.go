package command

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// queue holds what was accepted and waits to run: by due time, then in the
// order of arrival. It holds keys, and seldom a result; the ledger has the
// commands, and bounds how many there can be.
type queue struct {
	now    func() time.Time // the clock of deadlines
	mu     sync.Mutex
	items  waiting
	places map[Key]*item
	order  uint64
	wake   chan struct{}

	late     overdue // those with a deadline
	wakeLate chan struct{}
}

type item struct {
	key     Key
	due     time.Time
	order   uint64
	place   int
	attempt int
	owed    *wire.Result // what the ledger is still to record before the answer, or nil

	deadline  time.Time // of the start; zero: none
	late      time.Time // when it is to be answered for its deadline; zero: never
	latePlace int
}

func newQueue(now func() time.Time) *queue {
	return &queue{now: now, places: make(map[Key]*item), wake: make(chan struct{}, 1), wakeLate: make(chan struct{}, 1)}
}

// push adds a command that may not start before due.
func (q *queue) push(key Key, due time.Time, attempt int) {
	q.add(&item{key: key, due: due, attempt: attempt})
}

// pushBy adds one that may not start after its deadline either.
func (q *queue) pushBy(deadline time.Time, key Key, due time.Time, attempt int) {
	q.add(&item{key: key, due: due, attempt: attempt, deadline: deadline})
}

// again adds what was taken out before.
func (q *queue) again(it item, due time.Time) {
	q.add(&item{key: it.key, due: due, attempt: it.attempt, deadline: it.deadline})
}

// pushOwed adds one whose result is not in the ledger yet.
func (q *queue) pushOwed(it item, due time.Time) {
	q.add(&item{key: it.key, due: due, attempt: it.attempt, owed: it.owed})
}

func (q *queue) add(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.order++
	it.order = q.order
	q.places[it.key] = it
	q.limit(it)
	heap.Push(&q.items, it)
	signal(q.wake)
}

// remove takes a command out, wherever it stands.
func (q *queue) remove(key Key) (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it, ok := q.places[key]
	if !ok {
		return item{}, false
	}
	q.take(it)
	return *it, true
}

// take is called with the lock held.
func (q *queue) take(it *item) {
	delete(q.places, it.key)
	heap.Remove(&q.items, it.place)
	if !it.late.IsZero() {
		heap.Remove(&q.late, it.latePlace)
	}
}

// has says whether a command waits.
func (q *queue) has(key Key) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, ok := q.places[key]
	return ok
}

// pop returns the next command that is due; it blocks until there is one.
func (q *queue) pop(ctx context.Context) (item, error) { return await(ctx, q.wake, q.next) }

// await returns what next has; it asks anew after the wait that next names, and
// when it is woken.
func await(ctx context.Context, wake <-chan struct{}, next func() (*item, time.Duration)) (item, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return item{}, ctx.Err()
		}
		it, wait := next()
		if it != nil {
			return *it, nil
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return item{}, ctx.Err()
		case <-wake:
		case <-timer.C:
		}
	}
}

// poll returns the next command if one is due.
func (q *queue) poll() (item, bool) {
	if it, _ := q.next(); it != nil {
		return *it, true
	}
	return item{}, false
}

// next returns the item that is due, or how long to wait for one.
func (q *queue) next() (*item, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(q.items[0].due); wait > 0 {
		return nil, wait
	}
	it := q.items[0]
	q.take(it)
	if len(q.items) > 0 {
		signal(q.wake)
	}
	return it, 0
}

func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// len is the number of commands that wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// waiting implements heap.Interface.
type waiting []*item

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(a, b int) bool {
	if !w[a].due.Equal(w[b].due) {
		return w[a].due.Before(w[b].due)
	}
	return w[a].order < w[b].order
}

func (w waiting) Swap(a, b int) {
	w[a], w[b] = w[b], w[a]
	w[a].place, w[b].place = a, b
}

func (w *waiting) Push(x any) {
	it := x.(*item)
	it.place = len(*w)
	*w = append(*w, it)
}

func (w *waiting) Pop() any {
	old := *w
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return last
}
