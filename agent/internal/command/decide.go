package command

import (
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// Verdict is the decision about one command. One that does not run gets a
// result with the exit code and the reason on stderr.
type Verdict struct {
	Run      bool
	ExitCode int32
	Reason   string
}

// Facts are what a decision is made from; whoever gathers them asks the clock
// and the network, so that Decide asks nobody.
type Facts struct {
	Now time.Time
	// Offline is how long the connection has been lost: 0 while it is up,
	// wire.NeverConnected before the first one.
	Offline time.Duration
	// Killed: a kill message came before the start.
	Killed bool
	// Shell is why the shell cannot be used here, or nil.
	Shell error
}

// Decide applies the checks in the order that the wire contract gives them.
func Decide(c wire.Command, f Facts) Verdict {
	switch {
	case f.Killed:
		return Verdict{ExitCode: wire.ExitFailed, Reason: wire.KilledNote(c.ExecID)}
	case !c.Staleness.Permits(f.Offline):
		return Verdict{ExitCode: wire.ExitStale, Reason: wire.SkippedStale(f.Offline, c.Staleness.Allowed())}
	case !c.DeadlineAt.IsZero() && f.Now.After(c.DeadlineAt):
		return Verdict{ExitCode: wire.ExitDeadline, Reason: wire.SkippedDeadline(c.DeadlineAt, f.Now)}
	case c.RunAs != wire.RunAsSystem:
		return Verdict{ExitCode: wire.ExitFailed, Reason: runAsReason(c.RunAs)}
	case f.Shell != nil:
		return Verdict{ExitCode: wire.ExitFailed, Reason: f.Shell.Error()}
	case c.Script == "" && c.ScriptObject != "":
		return Verdict{ExitCode: wire.ExitFailed, Reason: fmt.Sprintf(
			"not run: the script is in the object store (%.80q), and this release of the agent takes inline scripts only", c.ScriptObject)}
	}
	return Verdict{Run: true}
}
