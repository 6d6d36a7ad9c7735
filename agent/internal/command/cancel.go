package command

import (
	"context"
	"errors"
	"sync"
)

var (
	errKilled  = errors.New("command: killed by a kill message")
	errStopped = errors.New("command: the agent stopped")
)

// runs is the table of commands that a kill message can reach, from their
// acceptance to their end.
type runs struct {
	mu     sync.Mutex
	byExec map[string]map[Key]*latch
}

// latch remembers that a command was killed, whatever it is doing when the
// kill comes; cancel is set while it runs.
type latch struct {
	killed bool
	cancel context.CancelCauseFunc
}

func newRuns() *runs { return &runs{byExec: make(map[string]map[Key]*latch)} }

// arm makes the command killable until disarm. Without an exec ID it is not.
func (r *runs) arm(execID string, key Key) {
	if execID == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byExec[execID] == nil {
		r.byExec[execID] = make(map[Key]*latch)
	}
	r.byExec[execID][key] = &latch{}
}

func (r *runs) disarm(execID string, key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byExec[execID], key)
	if len(r.byExec[execID]) == 0 {
		delete(r.byExec, execID)
	}
}

// kill trips the latches of all commands of an execution and returns them.
func (r *runs) kill(execID string) []Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []Key
	for key, l := range r.byExec[execID] {
		l.killed = true
		if l.cancel != nil {
			l.cancel(errKilled)
		}
		keys = append(keys, key)
	}
	return keys
}

// killed says whether a kill message reached the command.
func (r *runs) killed(execID string, key Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.byExec[execID][key]
	return ok && l.killed
}

// bind returns a context that also ends when the command is killed.
func (r *runs) bind(ctx context.Context, execID string, key Key) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.byExec[execID][key]; ok {
		l.cancel = cancel
		if l.killed {
			cancel(errKilled)
		}
	}
	return ctx, cancel
}
