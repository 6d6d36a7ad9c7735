//go:build !windows

package exec

import (
	"errors"
	"fmt"
	"syscall"
)

// account is whom a script runs as: always this process's own.
type account struct{}

// become refuses every other account, and takes the working directory as it is written.
func (l *Local) become(s *Spec) (account, error) {
	if s.As != AsSystem {
		return account{}, fmt.Errorf("run as %s: %w: only Windows has it", s.As, errors.ErrUnsupported)
	}
	return account{}, s.checkDir()
}

func (account) attr() *syscall.SysProcAttr { return nil }

func (account) admit(string) error { return nil }

func (account) close() {}
