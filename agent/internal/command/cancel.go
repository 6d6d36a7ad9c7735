package command

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

var (
	errKilled  = errors.New("command: killed by a kill message")
	errStopped = errors.New("command: the agent stopped")
)

// runs is the table of commands that a kill message can reach, from their
// acceptance to their end.
type runs struct {
	now    func() time.Time
	mu     sync.Mutex
	byExec map[string]map[Key]*latch
	early  []earlyKill
}

// earlyKill is a kill for a command that is yet to come: the two come over
// different subscriptions, and the kill may have overtaken its command.
type earlyKill struct {
	execID string
	at     time.Time
}

const (
	maxEarlyKills = 256
	earlyKillAge  = time.Minute
)

// latch remembers that a command was killed, whatever it is doing when the
// kill comes; cancel is set while it runs.
type latch struct {
	killed bool
	cancel context.CancelCauseFunc
}

func newRuns(now func() time.Time) *runs {
	return &runs{now: now, byExec: make(map[string]map[Key]*latch)}
}

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
	r.byExec[execID][key] = &latch{killed: r.wasKilled(execID)}
}

func (r *runs) wasKilled(execID string) bool {
	return slices.ContainsFunc(r.early, func(k earlyKill) bool {
		return k.execID == execID && r.now().Sub(k.at) < earlyKillAge
	})
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
	r.remember(execID)
	return keys
}

// remember keeps one kill an execution: a backend that repeats one must not push
// out those of others.
func (r *runs) remember(execID string) {
	r.early = slices.DeleteFunc(r.early, func(k earlyKill) bool { return k.execID == execID })
	if len(r.early) == maxEarlyKills {
		r.early = slices.Delete(r.early, 0, 1)
	}
	r.early = append(r.early, earlyKill{execID: execID, at: r.now()})
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
