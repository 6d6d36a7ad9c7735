package retry

import (
	"context"
	"fmt"
	"time"
)

// Forever calls op until it succeeds and returns its value. Two things end it early: the end of ctx, whose error is then
// returned, and an error marked by Permanent, which is returned still marked. Both come wrapped with what, so use
// errors.Is. A context that is already done returns at once, without a call of op.
//
// The context that op gets ends with its attempt, also after a success: what is to live longer, such as a watcher, must
// not be made from it. what names the thing in logs and errors. A panic of op is passed on.
func Forever[T any](ctx context.Context, what string, op func(context.Context) (T, error), opts ...Option) (T, error) {
	return forever(ctx, what, op, newOptions(opts))
}

func forever[T any](ctx context.Context, what string, op func(context.Context) (T, error), o options) (T, error) {
	var none T
	var last error
	p := progress{what: what, log: o.log, onAttempt: o.onAttempt}
	for step := 1; ; step++ {
		changed, err := awaitConnection(ctx, o.transport)
		if err != nil {
			return none, &endedError{what, err, last}
		}
		value, err := attempt(ctx, o.attemptTimeout, op)
		switch {
		case err == nil:
			p.succeeded(ctx)
			return value, nil
		case IsPermanent(err):
			p.gaveUp(err)
			return none, fmt.Errorf("retry: wait for %s: %w", what, err)
		case ctx.Err() != nil:
			return none, &endedError{what, ctx.Err(), last}
		}
		last = err
		wait := o.backoff.Jittered(step)
		p.failed(ctx, err, wait)
		fresh, err := o.pause(ctx, wait, changed)
		if err != nil {
			return none, &endedError{what, err, last}
		}
		if fresh {
			step = 0
		}
	}
}

func attempt[T any](ctx context.Context, timeout time.Duration, op func(context.Context) (T, error)) (T, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return op(ctx)
}

// endedError says that the caller's context ended the wait. The last failure is part of the text only: it is often a
// deadline of one attempt, which errors.Is must not mistake for the caller's own.
type endedError struct {
	what      string
	err, last error
}

func (e *endedError) Error() string {
	text := "retry: wait for " + e.what + ": " + e.err.Error()
	if e.last != nil {
		text += " (last attempt: " + e.last.Error() + ")"
	}
	return text
}

func (e *endedError) Unwrap() error { return e.err }
