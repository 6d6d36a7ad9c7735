package supervise

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kanade-go/kanade/retry"
)

// Policy says what the end of a task means.
type Policy int

const (
	// Restart starts the task again after an error or a panic.
	Restart Policy = iota
	// Fatal reports the task's error on [Group.Failed]. So does a panic.
	Fatal
)

// Task is one long-lived part. Run blocks until its context ends; a nil error
// is the task's own, orderly end.
type Task struct {
	Name   string
	Policy Policy
	Run    func(ctx context.Context) error
}

// restartBackoff keeps a part that dies at once from spinning, and a part that
// died after days from waiting for long.
var restartBackoff = retry.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.25}

// healthyAfter is how long a task must have run for its next failure to count
// as the first of a streak.
const healthyAfter = time.Minute

// Group runs tasks until it is stopped.
type Group struct {
	log    *slog.Logger
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	failed chan error
}

// NewGroup returns an empty group. The tasks' contexts carry the values of ctx
// and end with it, or with Stop.
func NewGroup(ctx context.Context, log *slog.Logger, tasks ...Task) *Group {
	ctx, cancel := context.WithCancel(ctx)
	g := &Group{log: log, cancel: cancel, failed: make(chan error, len(tasks))}
	for _, task := range tasks {
		g.tasks.Go(func() { g.run(ctx, task) })
	}
	return g
}

// Failed delivers the error of a Fatal task.
func (g *Group) Failed() <-chan error { return g.failed }

// Stop ends the tasks and returns when all of them have returned.
func (g *Group) Stop() {
	g.cancel()
	g.tasks.Wait()
}

func (g *Group) run(ctx context.Context, task Task) {
	for attempt := 1; ; attempt++ {
		began := time.Now()
		err := protect(ctx, task)
		if ctx.Err() != nil || err == nil {
			return
		}
		if task.Policy == Fatal {
			g.failed <- err
			return
		}
		if time.Since(began) >= healthyAfter {
			attempt = 1
		}
		wait := restartBackoff.Jittered(attempt)
		g.log.Error("a part of the agent failed and is started again",
			"task", task.Name, "error", err, "attempt", attempt, "wait", wait)
		if !Sleep(ctx, wait) {
			return
		}
	}
}

// Sleep waits for d and says whether ctx lasted as long.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
