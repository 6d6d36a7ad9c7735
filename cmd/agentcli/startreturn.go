package agentcli

import (
	"runtime/debug"
	"time"
)

// startTime is more than a start takes, with a broker that answers.
const startTime = 10 * time.Second

// returnStart gives back to the system what only the start needed, once: memory and
// pages of the program. The program does it, not the library: whoever embeds
// the agent decides about the process.
func returnStart() (stop func() bool) {
	return time.AfterFunc(startTime, func() {
		debug.FreeOSMemory()
		unmapProgram()
	}).Stop
}
