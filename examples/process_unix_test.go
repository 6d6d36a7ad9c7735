//go:build unix

package examples_test

import (
	"os"
	"syscall"
)

const exeSuffix = ""

func interruptible() *syscall.SysProcAttr { return nil }

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
