package update

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Guard ends a process that hangs, by a panic that shows what every goroutine does.
// Whoever starts it then starts it again. The zero value guards nothing.
type Guard struct {
	mu    sync.Mutex
	timer *time.Timer
	end   func(why string) // for tests; nil: a panic
}

// Arm has the process end within that time, unless Arm or [Guard.Stop] is called
// again. What was to be done before it ends (nil: nothing) is done before it ends.
func (g *Guard) Arm(within time.Duration, why string, before func() error) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = time.AfterFunc(within, func() {
		if before != nil {
			why = fmt.Sprintf("%s; %v", why, before())
		}
		why = fmt.Sprintf("update: %s within %v; the process ends, to be started again", why, within)
		if g.end != nil {
			g.end(why)
			return
		}
		debug.SetTraceback("all")
		panic(why)
	})
}

// Stop may be called at any time.
func (g *Guard) Stop() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
}

const (
	// comeUpWithin is how long a release on probation may take until it watches
	// itself. A ledger of a full disk is read within seconds.
	comeUpWithin = 10 * time.Minute
	// drainWithin is well above what a stop takes by default (20 s).
	drainWithin = 2 * time.Minute
)

// Guard has a release on probation taken back if it hangs before it watches itself.
// It is a matter of the process: the guard is to be stopped when a run ends.
func (i Install) Guard(g *Guard) error { return i.GuardWithin(g, comeUpWithin) }

// GuardWithin is Guard with a time of its own.
func (i Install) GuardWithin(g *Guard, within time.Duration) error {
	r, err := i.load()
	if err != nil || r.Plan == nil {
		return err
	}
	running, err := i.running()
	if err != nil || running != r.Plan.ToSHA256 || i.byHand(*r.Plan) {
		return err
	}
	g.Arm(within, "this release did not come up", func() error {
		return i.rollBack(r, fmt.Sprintf("it did not come up within %v", within), false)
	})
	return nil
}
