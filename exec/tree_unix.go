//go:build unix

package exec

import (
	"errors"
	"fmt"
	osexec "os/exec"
	"syscall"
	"time"
)

const (
	firstGroupCheck = 5 * time.Millisecond
	lastGroupCheck  = 200 * time.Millisecond
)

// tree is a process that leads a session and a process group of its own, with all that stays in them.
// The IDs of both are the process's, and are nobody else's until reap.
type tree struct {
	cmd    *osexec.Cmd
	cgroup *cgroup // nil: none of its own
}

func startTree(cmd *osexec.Cmd, _ string, c confinement) (*tree, error) {
	t := &tree{cmd: cmd}
	var err error
	if t.cgroup, err = c.cgroups.open(c.limits); err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	t.cgroup.join(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		t.cgroup.close()
		return nil, err
	}
	if c.limits.LowPriority {
		if err := lowerPriority(cmd.Process.Pid); err != nil {
			c.logger.Warn("priority of a script not lowered", "error", err)
		}
	}
	return t, nil
}

// await blocks until the leader has ended, and leaves it to be reaped.
func (t *tree) await() error {
	err := awaitExit(t.cmd.Process.Pid)
	if err == nil {
		return nil
	}
	if !errors.Is(err, syscall.ECHILD) { // ECHILD: another part of the program has reaped it
		t.signal(syscall.SIGKILL) // what cannot be watched must not go on
	}
	return fmt.Errorf("await process: %w", err)
}

// kill ends the tree: SIGTERM, the grace or the end of all its members, SIGKILL. It returns when exited is closed.
func (t *tree) kill(exited <-chan struct{}, grace time.Duration) {
	if grace > 0 {
		t.signal(syscall.SIGTERM)
		t.awaitGrace(exited, grace)
	}
	t.signal(syscall.SIGKILL)
	t.cgroup.kill()
	<-exited
}

func (t *tree) awaitGrace(exited <-chan struct{}, grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	select {
	case <-over.C:
	case <-exited:
		t.awaitOthers(over.C)
	}
}

// signal reaches every member that there is. One that may not be signalled, or is gone, is no news.
func (t *tree) signal(sig syscall.Signal) {
	_ = syscall.Kill(-t.cmd.Process.Pid, sig)
	signalOtherGroups(t.cmd.Process.Pid, sig)
}

// awaitOthers gives the members that outlive the leader the rest of the grace.
func (t *tree) awaitOthers(over <-chan time.Time) {
	for wait := firstGroupCheck; sessionAlive(t.cmd.Process.Pid); wait = min(2*wait, lastGroupCheck) {
		select {
		case <-over:
			return
		case <-time.After(wait):
		}
	}
}

func (t *tree) reap() error {
	err := t.cmd.Wait()
	t.cgroup.close()
	if _, exited := errors.AsType[*osexec.ExitError](err); exited {
		return nil
	}
	return err
}

func (t *tree) signaled() bool {
	status, ok := t.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

func (t *tree) code() int { return t.cmd.ProcessState.ExitCode() }
