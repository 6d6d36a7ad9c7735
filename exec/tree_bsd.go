//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package exec

import "golang.org/x/sys/unix"

// awaitExit blocks until the child has ended and does not reap it. kevent(2): EVFILT_PROC with NOTE_EXIT; a child that
// has ended before the registration is ESRCH.
func awaitExit(pid int) error {
	kq, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(kq) }()
	unix.CloseOnExec(kq)
	var change unix.Kevent_t
	unix.SetKevent(&change, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	change.Fflags = unix.NOTE_EXIT
	changes, events := []unix.Kevent_t{change}, make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(kq, changes, events, nil)
		switch {
		case err == unix.EINTR: //nolint:errorlint // a bare errno
			// Registering once more changes nothing.
		case err == unix.ESRCH: //nolint:errorlint // a bare errno
			return nil
		case err != nil:
			return err
		case n == 1:
			return eventError(events[0])
		}
	}
}

// eventError: with room in the event list, a failed registration comes back as an event with EV_ERROR.
func eventError(event unix.Kevent_t) error {
	if event.Flags&unix.EV_ERROR == 0 {
		return nil
	}
	if errno := unix.Errno(event.Data); errno != 0 && errno != unix.ESRCH {
		return errno
	}
	return nil
}
