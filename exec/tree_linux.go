package exec

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// awaitExit blocks until the child has ended and does not reap it.
func awaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}

// sessionAlive reports whether the session has a member that has not ended. Without /proc nobody is seen.
func sessionAlive(session int) bool {
	for _, p := range processes() {
		if p.session == session && p.alive() {
			return true
		}
	}
	return false
}

// Rounds of signalOtherGroups. A process that is born during one is found in the next.
const signalRounds = 8

// signalOtherGroups reaches the members of a session outside the group of its leader: timeout(1) and the jobs of "set -m"
// lead groups of their own.
func signalOtherGroups(session int, sig syscall.Signal) {
	reached := make(map[int]bool)
	for range signalRounds {
		found := false
		for _, p := range processes() {
			if p.session == session && p.group != session && p.alive() && !reached[p.id] {
				reached[p.id], found = true, true
				signalMember(p, sig, unix.PidfdOpen)
			}
		}
		if !found {
			return
		}
	}
}

// signalMember looks again when it holds the process: the ID may have become another's. Where a process cannot be held
// (a kernel before 5.3, a filter of system calls, no descriptor left) the look alone has to do.
func signalMember(p procStat, sig syscall.Signal, hold func(id, flags int) (fd int, err error)) {
	fd, err := hold(p.id, 0)
	if errors.Is(err, unix.ESRCH) {
		return // gone
	}
	if err == nil {
		defer func() { _ = unix.Close(fd) }()
	}
	now, ok := readStat(p.id)
	switch {
	case !ok || now.session != p.session:
	case err == nil:
		_ = unix.PidfdSendSignal(fd, sig, nil, 0)
	default:
		_ = unix.Kill(p.id, sig)
	}
}
