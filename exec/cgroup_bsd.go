//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package exec

import "syscall"

func (g *cgroup) join(*syscall.SysProcAttr) {}

func (g *cgroup) kill() {}

func (g *cgroup) close() {}
