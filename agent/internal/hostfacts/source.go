package hostfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/inventory/facts"
)

// Collector finds out what a host is; those of package inventory fit.
type Collector interface {
	Collect(ctx context.Context) (facts.Host, error)
}

var (
	// ErrHangs says that a collector did not return in time.
	ErrHangs = errors.New("hostfacts: the collector hangs")
	// ErrBusy says that a former collection has not returned.
	ErrBusy = errors.New("hostfacts: the last collection has not ended")
)

// What a collector has, beyond the end of its context, to return what it found:
// after a deadline, and at a stop.
const (
	lateReturn = 2 * time.Second
	lastReturn = 200 * time.Millisecond
)

// Source takes one collection at a time from a collector that it does not trust.
type Source struct {
	collector Collector
	turn      chan struct{} // holds one token while a collection runs
}

// NewSource returns a source. It collects nothing.
func NewSource(c Collector) *Source {
	return &Source{collector: c, turn: make(chan struct{}, 1)}
}

// collected is what a collector returned.
type collected struct {
	host facts.Host
	err  error
}

// Collect waits for its turn and collects. It returns at the end of ctx, or a
// moment later, whatever the collector does; one that hangs then stays behind and
// keeps the turn. The host has what was found, also beside an error. Errors:
// [ErrBusy], [ErrHangs], the collector's.
func (s *Source) Collect(ctx context.Context) (facts.Host, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return facts.Host{}, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	done := make(chan collected, 1)
	go func() {
		c := s.protected(ctx)
		<-s.turn // before anybody hears of it, and comes again
		done <- c
	}()
	return await(ctx, done)
}

func (s *Source) protected(ctx context.Context) (c collected) {
	defer supervise.Recover(&c.err)
	c.host, c.err = s.collector.Collect(ctx)
	seal(&c.host)
	return c
}

// seal writes the sections of the program's own as JSON, in the goroutine of their
// collector: that runs its code, which may hang, and reads what it may go on to
// change. A section that cannot be written, or is too large, becomes a problem.
func seal(h *facts.Host) {
	if h.Extra == nil {
		return
	}
	sealed := make(map[string]any, len(h.Extra))
	h.Problems = slices.Clone(h.Problems)
	for _, name := range slices.Sorted(maps.Keys(h.Extra)) {
		if h.Extra[name] == nil {
			continue
		}
		data, err := marshal(h.Extra[name])
		if err == nil {
			err = checkSize(data)
		}
		if err != nil {
			h.Problems = append(h.Problems, facts.Problem{Section: name, Text: err.Error()})
			continue
		}
		sealed[name] = json.RawMessage(data)
	}
	h.Extra = sealed
}

func await(ctx context.Context, done <-chan collected) (facts.Host, error) {
	select {
	case c := <-done:
		return c.host, c.err
	case <-ctx.Done():
	}
	late := time.NewTimer(lateness(ctx))
	defer late.Stop()
	select {
	case c := <-done:
		return c.host, c.err
	case <-late.C:
		return facts.Host{}, fmt.Errorf("%w: %w", ErrHangs, ctx.Err())
	}
}

func lateness(ctx context.Context) time.Duration {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return lateReturn
	}
	return lastReturn
}
