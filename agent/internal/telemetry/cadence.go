package telemetry

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

const (
	minInterval = time.Second
	maxInterval = 24 * time.Hour
)

// cadence calls tick at once and then once in each interval, by the agent's beat: the
// second tick comes after a quarter to the whole of an interval, so that hosts that
// were started together do not stay in step. A changed interval begins anew with
// a tick, at the earliest minInterval after the last one.
type cadence struct {
	beat     supervise.Beat
	interval func() (every time.Duration, changed <-chan struct{})
	// tick does the work. Fresh says that it is the first one, or the first one of
	// a changed interval.
	tick func(ctx context.Context, fresh bool)
}

func (c cadence) run(ctx context.Context) error {
	every, changed := c.bounded()
	fresh, due := true, time.Now()
	var last time.Time
	for {
		woken, ended := wait(ctx, due, changed)
		if ended {
			return nil
		}
		if woken {
			was := every
			if every, changed = c.bounded(); every != was {
				fresh, due = true, later(time.Now(), last.Add(minInterval))
			}
			continue
		}
		last = time.Now()
		c.tick(ctx, fresh)
		due = c.following(due, every, fresh)
		fresh = false
	}
}

func (c cadence) bounded() (time.Duration, <-chan struct{}) {
	every, changed := c.interval()
	return min(max(every, minInterval), maxInterval), changed
}

// following returns when the tick after the one of due comes. What was missed
// meanwhile is skipped.
func (c cadence) following(due time.Time, every time.Duration, fresh bool) time.Time {
	now := time.Now()
	if fresh {
		return now.Add(c.second(now, every))
	}
	due = due.Add(every)
	if late := now.Sub(due); late >= 0 {
		due = due.Add((late/every + 1) * every)
	}
	return due
}

// second is how long after the first tick the second one comes. A third of the usual
// intervals ends on a moment of the 10 seconds that other parts of the agent go by.
func (c cadence) second(now time.Time, every time.Duration) time.Duration {
	step := c.beat.After(now, every)
	if step < every/4 {
		step += every / 3
	}
	return step
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wait returns at due, or earlier when something has changed or ctx has ended.
func wait(ctx context.Context, due time.Time, changed <-chan struct{}) (woken, ended bool) {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, true
	case <-changed:
		return true, false
	case <-timer.C:
		return false, ctx.Err() != nil
	}
}
