package agentcli

import (
	"errors"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

// Exit codes of the program. 64 is the code of the fleets it replaces for a restart
// that the agent itself asks for.
const (
	ExitOK           = 0   // stopped cleanly, or the verb did its work
	ExitError        = 1   // bad configuration, the agent ended by itself, a verb failed
	ExitUsage        = 2   // unknown verb or flag
	ExitNotRunning   = 3   // status: no agent runs; the service is installed
	ExitNotInstalled = 4   // status: no agent runs; no service is installed, or its state is not known. start, stop, restart, uninstall: no service is installed
	ExitFindings     = 5   // outbox fsck: something was found that is not repaired; doctor: something FAILs; inventory: a section is missing
	ExitUnhealthy    = 6   // status: it runs, but something is wrong, or it cannot say how it is
	ExitNotPermitted = 7   // install, uninstall, start, stop, restart: only an administrator can do this
	ExitRestart      = 64  // the executable was replaced; it is to be started again
	ExitForced       = 130 // a second signal ended it before the stop was complete
)

// exitError carries an exit code other than 1. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// ExitCode is the code that a program ends with after err, which came from a
// command that [NewCommand] made.
func ExitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, agent.ErrRestart):
		return ExitRestart
	}
	return ExitError
}

// oneLine is err for a terminal: joined errors come on lines of their own.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
