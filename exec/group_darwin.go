package exec

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of sys/proc.h.
const zombie = 5

// sessionAlive reports whether the group of the session's leader has a member that has not ended. Other groups are not seen here.
func sessionAlive(pgid int) bool {
	members, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", pgid)
	if err != nil {
		return false
	}
	for _, m := range members {
		if m.Proc.P_stat != zombie {
			return true
		}
	}
	return false
}

// signalOtherGroups finds no other groups: the system lists processes by group, not by session.
func signalOtherGroups(int, syscall.Signal) {}
