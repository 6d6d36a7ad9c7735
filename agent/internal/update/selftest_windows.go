package update

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// procNtResumeProcess resumes a process whose thread is not at hand: os/exec closes
// its handle.
var procNtResumeProcess = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtResumeProcess")

// startWithChildren starts a release in a job object, suspended, so that it starts
// nothing outside. What is in the job is killed with it, and what is left of it at the
// end, which may be that of the agent.
func startWithChildren(cmd *exec.Cmd) (end func(), err error) {
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW}
	cmd.Cancel = func() error { return windows.TerminateJobObject(job, 1) }
	if err := startIn(job, cmd); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(job))
	}
	return func() { _ = windows.CloseHandle(job) }, nil // kills what is left
}

func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("create job object: %w", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		return 0, errors.Join(fmt.Errorf("limit job object: %w", err), windows.CloseHandle(job))
	}
	return job, nil
}

func startIn(job windows.Handle, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	var err error
	handleErr := cmd.Process.WithHandle(func(handle uintptr) {
		if err = windows.AssignProcessToJobObject(job, windows.Handle(handle)); err != nil {
			err = fmt.Errorf("assign process to job object: %w", err)
			return
		}
		err = resume(handle)
	})
	if err = errors.Join(handleErr, err); err != nil {
		_ = cmd.Process.Kill() // still suspended: nothing of it has run
		_ = cmd.Wait()
	}
	return err
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
