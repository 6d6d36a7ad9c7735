package exec

import (
	"errors"
	"fmt"
)

var (
	// ErrNoUser is returned for AsUser and AsSystemGUI while nobody is logged on, at the console or in an active remote
	// session.
	ErrNoUser = errors.New("no user is logged on")

	// ErrNotSystem is returned for AsUser and AsSystemGUI when this process may not act for others.
	ErrNotSystem = errors.New("only LocalSystem may start a program in the session of a user")
)

// noUser says what to do about a host without a user; failures are what the system said meanwhile, if anything.
func noUser(as As, failures error) error {
	const advice = "log on at the console or by remote desktop, or use run_as system"
	if failures == nil {
		return fmt.Errorf("run as %s: %w: %s", as, ErrNoUser, advice)
	}
	return fmt.Errorf("run as %s: %w: %s (%w)", as, ErrNoUser, advice, failures)
}

// notSystem says what to do about a process that lacks a privilege.
func notSystem(as As, what string, err error) error {
	return fmt.Errorf("run as %s: %s: %w: run the agent as a service under that account (%w)", as, what, ErrNotSystem, err)
}
