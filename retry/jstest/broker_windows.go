package jstest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const exeSuffix = ".exe"

// terminateProcess kills: Windows has no signal that a console-less process could answer in an orderly way.
func terminateProcess(p *os.Process) error { return p.Kill() }

var (
	ntdll            = syscall.NewLazyDLL("ntdll.dll")
	ntSuspendProcess = ntdll.NewProc("NtSuspendProcess")
	ntResumeProcess  = ntdll.NewProc("NtResumeProcess")
)

func pauseProcess(p *os.Process) error { return callWithProcess(ntSuspendProcess, p) }

func resumeProcess(p *os.Process) error { return callWithProcess(ntResumeProcess, p) }

// callWithProcess calls an ntdll function whose only argument is a process handle; it answers an NTSTATUS, 0 for success.
func callWithProcess(proc *syscall.LazyProc, p *os.Process) error {
	const processSuspendResume = 0x0800
	h, err := syscall.OpenProcess(processSuspendResume, false, uint32(p.Pid))
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.Pid, err)
	}
	defer func() { _ = syscall.CloseHandle(h) }()
	if status, _, _ := proc.Call(uintptr(h)); status != 0 {
		return fmt.Errorf("%s: status %#x", proc.Name, status)
	}
	return nil
}

// lockFile waits until it can open name without sharing, which the system also undoes when the process dies.
func lockFile(name string) (unlock func(), err error) {
	const errorSharingViolation = syscall.Errno(32)
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	for {
		h, err := syscall.CreateFile(path, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return func() { _ = syscall.CloseHandle(h) }, nil
		}
		if !errors.Is(err, errorSharingViolation) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
