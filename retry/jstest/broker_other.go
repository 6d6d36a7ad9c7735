//go:build !linux

package jstest

import "syscall"

// dieWithParent has nothing to ask for here: the server ends in the test's cleanup.
func dieWithParent() *syscall.SysProcAttr { return nil }
