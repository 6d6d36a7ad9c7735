package exec

import (
	"context"
	"time"
)

// watch returns when the tree's first process has ended and was waited for. Before that it kills the tree if the timeout
// passes or ctx ends.
func (t *tree) watch(ctx context.Context, timeout, grace time.Duration) (End, error) {
	end := EndExited
	var err error
	if timeout == 0 && ctx.Done() == nil {
		err = t.await()
	} else {
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			err = t.await()
		}()
		if end = endOf(ctx, timeout, exited); end != EndExited {
			t.kill(exited, grace)
		}
	}
	if reapErr := t.reap(); reapErr != nil {
		err = reapErr
	}
	return end, err
}

// endOf waits for whatever comes first.
func endOf(ctx context.Context, timeout time.Duration, exited <-chan struct{}) End {
	var deadline <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		deadline = timer.C
	}
	end := EndExited
	select {
	case <-exited:
		return EndExited
	case <-deadline:
		end = EndTimeout
	case <-ctx.Done():
		end = EndCanceled
	}
	select {
	case <-exited: // at the same moment: it was not killed
		return EndExited
	default:
		return end
	}
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
