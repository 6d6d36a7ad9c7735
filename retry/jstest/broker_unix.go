//go:build unix

package jstest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const exeSuffix = ""

func terminateProcess(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// pauseProcess returns when the last thread has stopped, which is some time after the signal was sent.
func pauseProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil && !status.Stopped() {
			err = os.ErrProcessDone
		}
		return err
	}
}

func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// lockFile waits for the exclusive lock on name, which the system also releases when the process dies.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}
