package agent

import "errors"

var (
	// ErrConfig is wrapped by every problem that [Config.Validate] finds.
	ErrConfig = errors.New("agent: config")
	// ErrStateLocked says that another agent owns the state folder.
	ErrStateLocked = errors.New("agent: state folder is in use by another agent")
	// ErrStateForeign says that the state folder is not empty and was never an
	// agent's, and that [WithSharedStateDir] was not given.
	ErrStateForeign = errors.New("agent: state folder is not empty and was never an agent's")
	// ErrAlreadyRan says that Run was called a second time; make a new Agent.
	ErrAlreadyRan = errors.New("agent: run was called before; make a new agent")
)
