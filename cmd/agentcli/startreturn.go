package agentcli

import (
	"runtime/debug"
	"time"
)

// startTime is more than a start takes, with a broker that answers.
const startTime = 10 * time.Second

// returnStartMemory gives the memory that only the start needed back to the system,
// once. The program does it, not the library: whoever embeds the agent decides about
// the memory of the process.
func returnStartMemory() (stop func() bool) {
	return time.AfterFunc(startTime, debug.FreeOSMemory).Stop
}
