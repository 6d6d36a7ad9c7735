package agent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// maxListedRuns bounds what Status lists; CommandStatus.Running counts all.
const maxListedRuns = 100

// runningCommands knows which commands run.
type runningCommands struct {
	now     func() time.Time
	changed chan struct{} // holds one signal

	mu   sync.Mutex
	runs map[*RunningCommand]struct{}
}

func newRunningCommands(now func() time.Time) *runningCommands {
	return &runningCommands{now: now, changed: make(chan struct{}, 1), runs: make(map[*RunningCommand]struct{})}
}

// watch lists the runs of every shell.
func (r *runningCommands) watch(shells map[string]command.Shell) map[string]command.Shell {
	for name, s := range shells {
		shells[name] = listedShell{s, r}
	}
	return shells
}

type listedShell struct {
	command.Shell
	runs *runningCommands
}

func (s listedShell) Run(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
	defer s.runs.begin(c)()
	return s.Shell.Run(ctx, c, attempt)
}

func (r *runningCommands) begin(c wire.Command) (end func()) {
	run := &RunningCommand{
		ID: health.Line(c.ID, health.MaxName), RequestID: health.Line(c.RequestID, health.MaxName),
		Shell: health.Line(c.Shell, health.MaxName), Since: utc(r.now()),
	}
	r.change(func() { r.runs[run] = struct{}{} })
	return func() { r.change(func() { delete(r.runs, run) }) }
}

func (r *runningCommands) change(do func()) {
	r.mu.Lock()
	do()
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// list returns the oldest runs first.
func (r *runningCommands) list() []RunningCommand {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []RunningCommand
	for run := range r.runs {
		all = append(all, *run)
	}
	slices.SortFunc(all, func(x, y RunningCommand) int { return x.Since.Compare(y.Since) })
	return all[:min(len(all), maxListedRuns)]
}
