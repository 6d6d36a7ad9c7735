package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const canMeasure = true

// usage counts the members of the session, or of the cgroup if there is one.
func (t *tree) usage() usage {
	u := usage{refused: t.refused()}
	member := t.members()
	for _, p := range processes() {
		if !member(p) {
			continue
		}
		u.cpu += p.cpu
		if p.alive() {
			u.processes++
			u.memory += privateMemory(p.id)
		}
	}
	if spent, ok := t.cgroup.cpu(); ok {
		u.cpu = spent
	}
	return u
}

func (t *tree) refused() Limit { return t.cgroup.refused() }

func (t *tree) members() func(procStat) bool {
	if ids, ok := t.cgroup.members(); ok {
		return func(p procStat) bool { return ids[p.id] }
	}
	session := t.cmd.Process.Pid
	return func(p procStat) bool { return p.session == session }
}

const (
	lowestNice = 19
	// ioprio_set(2): IOPRIO_WHO_PGRP, and the class "idle" in the upper bits of the priority.
	ioprioGroup = 2
	ioprioIdle  = 3 << 13
)

// lowerPriority has the group wait for everything else. Children inherit it.
func lowerPriority(group int) error {
	err := unix.Setpriority(unix.PRIO_PGRP, group, lowestNice)
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioGroup, uintptr(group), ioprioIdle); errno != 0 {
		err = errors.Join(err, errno)
	}
	return errors.Join(err, lowerSession(group))
}

// lowerSession does for the session what a nice value does inside it. Where the kernel gives each session its share of the
// processors, which is the default of most distributions, others do not feel the nice values of its members: sched(7), "The
// autogroup feature". A kernel without it has no such file; one that has it switched off may say EINVAL.
func lowerSession(leader int) error {
	f, err := os.OpenFile(filepath.Join("/proc", strconv.Itoa(leader), "autogroup"), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(lowestNice))
	if errors.Is(err, unix.EINVAL) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
