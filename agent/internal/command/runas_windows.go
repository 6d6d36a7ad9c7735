package command

import "github.com/kanade-go/kanade/agent/wire"

// runAsReason says why a command that is to run as somebody else does not run.
func runAsReason(as wire.RunAs) string {
	return "not run: run_as " + as.String() + " is not supported by this release of the agent\n"
}
