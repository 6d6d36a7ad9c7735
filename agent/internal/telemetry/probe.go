package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

const (
	// probeTimeout is how long a measurement may take.
	probeTimeout = 5 * time.Second
	// settleTimeout is what it has beyond that to notice the end of its context.
	settleTimeout = 200 * time.Millisecond
)

var (
	errBusy = errors.New("the measurement before has not returned yet")
	errHung = errors.New("no answer in time")
)

// probe takes one measurement at a time. It is used by one goroutine.
type probe[T any] struct {
	what   string
	busy   atomic.Bool
	report streak
}

func newProbe[T any](log *slog.Logger, what string) *probe[T] {
	return &probe[T]{what: what, report: streak{log: log}}
}

// reading is a measurement and when it was taken.
type reading[T any] struct {
	value T
	at    time.Time
	err   error
}

// start begins a measurement. The channel has room for its outcome: nobody has to
// take it.
func (p *probe[T]) start(ctx context.Context, ask func(context.Context) (T, error)) <-chan reading[T] {
	outcome := make(chan reading[T], 1)
	if !p.busy.CompareAndSwap(false, true) {
		outcome <- reading[T]{err: errBusy}
		return outcome
	}
	go func() {
		var r reading[T]
		defer func() {
			p.busy.Store(false)
			outcome <- r
		}()
		defer supervise.Recover(&r.err)
		r.value, r.err = ask(ctx)
		r.at = time.Now()
	}()
	return outcome
}

// await returns the outcome, or false and reports why there is none.
func (p *probe[T]) await(ctx context.Context, outcome <-chan reading[T]) (reading[T], bool) {
	var r reading[T]
	select {
	case r = <-outcome:
	case <-ctx.Done():
		r = settle(outcome)
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return r, false // the agent stops
	}
	p.report.note(p.what+" cannot be measured", r.err)
	return r, r.err == nil
}

func settle[T any](outcome <-chan reading[T]) reading[T] {
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case r := <-outcome:
		return r
	case <-timer.C:
		return reading[T]{err: errHung}
	}
}

// get is start and await with a deadline.
func (p *probe[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (reading[T], bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return p.await(ctx, p.start(ctx, ask))
}

// streak reports the first failure of several in a row, and their end.
type streak struct {
	log     *slog.Logger
	failing bool
}

func (s *streak) note(what string, err error) {
	switch {
	case err != nil && !s.failing:
		s.log.Warn(what, "error", err)
	case err != nil:
		s.log.Debug(what, "error", err)
	case s.failing:
		s.log.Info("over: " + what)
	}
	s.failing = err != nil
}
