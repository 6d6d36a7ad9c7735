//go:build unix

package examples_test

import (
	"os"
	"syscall"
)

const (
	exeSuffix = ""
	shell     = "sh"
	failing   = "echo one; echo two; echo oops >&2; exit 3"
)

// lasting creates a file and goes on for long.
func lasting(file string) string { return ": > '" + file + "'; sleep 600" }

func interruptible() *syscall.SysProcAttr { return nil }

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
