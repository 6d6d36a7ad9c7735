package exec

import (
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	osexec "os/exec"

	"golang.org/x/sys/windows"
)

// The exit code that the members of a terminated job get. Nobody reads it: a killed run has no code.
const killedExitCode = 1

// NtResumeProcess is what resumes a process whose thread handle is not at hand; os/exec closes it. The documented way
// there is a snapshot of every thread of the system.
var procNtResumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")

// tree is a process in a job object, with all its descendants.
type tree struct {
	cmd    *osexec.Cmd
	job    windows.Handle
	family *family        // nil: the job holds all
	events windows.Handle // of the job's limits; 0 without limits
	limits Limits
	logger *slog.Logger
}

// startTree creates the process suspended, so that none of its children can be older than its membership in the job.
func startTree(cmd *osexec.Cmd, raw string, c confinement) (*tree, error) {
	if _, err := c.cgroups.open(c.limits); err != nil {
		return nil, err
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create job object: %w", err)
	}
	t := &tree{cmd: cmd, job: job, limits: c.limits, logger: c.logger}
	if err := t.wall(); err != nil {
		return nil, errors.Join(err, t.closeJob())
	}
	if err := t.start(raw); err != nil {
		return nil, errors.Join(err, t.closeJob())
	}
	return t, nil
}

// startOwn creates the process in this process's own name.
func (t *tree) startOwn(raw string) error {
	t.cmd.SysProcAttr = &syscall.SysProcAttr{
		CmdLine:       raw,
		CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW,
	}
	if err := t.cmd.Start(); err != nil {
		return err
	}
	if err := t.release(); err != nil {
		_ = t.cmd.Process.Kill() // still suspended: nothing of it has run
		_ = t.cmd.Wait()
		return err
	}
	return nil
}

// release puts the suspended process into the job and lets it run.
func (t *tree) release() error {
	var err error
	handleErr := t.cmd.Process.WithHandle(func(handle uintptr) {
		if err = windows.AssignProcessToJobObject(t.job, windows.Handle(handle)); err != nil {
			err = fmt.Errorf("assign process to job object: %w", err)
			return
		}
		t.lowerIOPriority(windows.Handle(handle))
		err = resume(handle)
	})
	return errors.Join(handleErr, err)
}

func resume(process uintptr) error {
	if err := procNtResumeProcess.Find(); err != nil {
		return fmt.Errorf("resume process: %w", err)
	}
	if status, _, _ := procNtResumeProcess.Call(process); status != 0 {
		return fmt.Errorf("resume process: %w", windows.NTStatus(status))
	}
	return nil
}

// await blocks until the process has ended. Its handle, not its ID, is what is waited for.
func (t *tree) await() error {
	err := t.cmd.Wait()
	if _, exited := errors.AsType[*osexec.ExitError](err); exited || err == nil {
		return nil
	}
	t.terminate() // what cannot be watched must not go on
	return fmt.Errorf("await process: %w", err)
}

// kill ends every process in the job at once. It returns when exited is closed.
func (t *tree) kill(exited <-chan struct{}, _ time.Duration) {
	t.terminate()
	<-exited
}

func (t *tree) terminate() {
	if t.family != nil {
		t.family.kill()
	}
	if err := windows.TerminateJobObject(t.job, killedExitCode); err != nil {
		_ = t.cmd.Process.Kill()
	}
}

// reap closes the job. Without the kill-on-close limit, members that are left live on.
func (t *tree) reap() error { return errors.Join(t.closeFamily(), t.closeJob()) }

func (t *tree) closeJob() error {
	if t.events != 0 {
		_ = windows.CloseHandle(t.events)
	}
	if err := windows.CloseHandle(t.job); err != nil {
		return fmt.Errorf("close job object: %w", err)
	}
	return nil
}

func (t *tree) signaled() bool { return false }

// code is signed: Windows has exit codes such as 0xC0000005, which is -1073741819.
func (t *tree) code() int { return int(int32(uint32(t.cmd.ProcessState.ExitCode()))) }
