package exec

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// confinement is what a tree is put into at its start.
type confinement struct {
	limits  Limits
	cgroups *cgroups
	logger  *slog.Logger
}

// watch returns when the tree's first process has ended and was waited for. Before that it kills the tree if the timeout
// passes or ctx ends.
//
// The wait is in the caller's goroutine and what may kill are callbacks: a run that ends by itself, which is nearly every
// one, costs no goroutine more than its two readers.
func (t *tree) watch(ctx context.Context, s Spec, grace time.Duration) (End, Limit, error) {
	k := killer{tree: t, grace: grace, exited: make(chan struct{})}
	timer := k.afterTimeout(s.Timeout)
	detach := k.afterContext(ctx)
	k.guard(s.Limits)
	err := t.await()
	close(k.exited)
	k.release(timer)
	k.release(detach)
	end, limit := k.settle()
	if limit == "" && s.Limits.measured() {
		limit = t.refused()
	}
	if reapErr := t.reap(); reapErr != nil {
		err = reapErr
	}
	return end, limit, err
}

// classify fills in what only a process that was waited for can tell.
func (t *tree) classify(out *Outcome) {
	out.Code = -1
	switch {
	case out.End != EndExited:
	case t.signaled():
		out.End = EndSignaled
	default:
		out.Code = t.code()
	}
}

// killer ends a tree for the first reason that comes, unless the tree's own end came before.
type killer struct {
	tree      *tree
	grace     time.Duration
	exited    chan struct{} // closed when the first process has ended
	decided   atomic.Bool   // by whoever set it: one callback, or settle
	end       End
	limit     Limit
	callbacks sync.WaitGroup
}

// stopper calls a callback off and reports whether it was in time.
type stopper func() bool

func (k *killer) afterTimeout(d time.Duration) stopper {
	if d == 0 {
		return nil
	}
	k.callbacks.Add(1)
	return time.AfterFunc(d, func() { k.fire(EndTimeout) }).Stop
}

func (k *killer) afterContext(ctx context.Context) stopper {
	if ctx.Done() == nil {
		return nil
	}
	k.callbacks.Add(1)
	return context.AfterFunc(ctx, func() { k.fire(EndCanceled) })
}

func (k *killer) fire(end End) {
	defer k.callbacks.Done()
	if k.decided.CompareAndSwap(false, true) {
		k.end = end
		k.tree.kill(k.exited, k.grace)
	}
}

// release calls a callback off, or leaves it to settle to wait for it.
func (k *killer) release(stop stopper) {
	if stop != nil && stop() {
		k.callbacks.Done()
	}
}

// settle says how the run ended, when no callback is on its way any more.
func (k *killer) settle() (End, Limit) {
	k.decided.CompareAndSwap(false, true) // a callback that comes this late kills nothing
	k.callbacks.Wait()
	return k.end, k.limit
}
