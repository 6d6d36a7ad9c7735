package command

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// Verdict is the decision about one command. One that neither runs nor waits
// gets a result with the exit code and the reason on stderr.
type Verdict struct {
	Run bool
	// Wait: too little is known of its job to decide, or what is known may be
	// behind. It is accepted, and decided again before it starts.
	Wait     bool
	ExitCode int32
	Reason   string
}

// refuses reports that the command is answered without a run.
func (v Verdict) refuses() bool { return !v.Run && !v.Wait }

// Lookup knows which jobs are pinned to a version, and which are revoked.
type Lookup interface {
	// Known is what is known now. It asks nobody, so that it takes no time.
	Known(jobID string) wire.ScriptState
	// Ask is the best answer for a decision about a version of the job: where it
	// depends on something that the broker may know better, it asks the broker,
	// for a few seconds at most. It is final unless ctx ended, or a bucket that was
	// silent just now is to be asked later. A broker that does not answer is never
	// taken for one that has nothing to say.
	Ask(ctx context.Context, jobID, version string) wire.ScriptState
}

// everyScript is the Lookup of an agent that has none.
type everyScript struct{}

func (everyScript) Known(string) wire.ScriptState {
	return wire.ScriptState{Known: true, Final: true}
}

func (s everyScript) Ask(_ context.Context, jobID, _ string) wire.ScriptState { return s.Known(jobID) }

// Facts are what a decision is made from; whoever gathers them asks the clock
// and the network, so that Decide asks nobody.
type Facts struct {
	Now time.Time
	// Offline is how long the connection has been lost: 0 while it is up,
	// wire.NeverConnected before the first one.
	Offline time.Duration
	// Script is what is known of the job.
	Script wire.ScriptState
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
	}
	v := decideScript(c, f.Script)
	if v.Run || v.Wait && f.Script.Final && isLate(c, f.Now) {
		return decideStart(c, f) // nothing comes of waiting for ever
	}
	return v
}

// decideScript applies the checks that depend on what is known of the job. The
// pin and the revocation count whatever the command says about staleness. A
// refusal that a better answer may change is not given yet: the command of a
// version can be here before the news is that this version is the pinned one.
func decideScript(c wire.Command, s wire.ScriptState) Verdict {
	v := Verdict{Run: true}
	switch {
	case !c.Staleness.Permits(s.Age):
		v = Verdict{ExitCode: wire.ExitStale, Reason: wire.SkippedStale(s.Age, c.Staleness.Allowed())}
	case !s.Known:
		return Verdict{Wait: true}
	case s.Pinned && s.Version != c.Version:
		v = Verdict{ExitCode: wire.ExitVersionPin, Reason: wire.SkippedVersionPin(c.ID, s.Version, c.Version)}
	case s.Revoked:
		v = Verdict{ExitCode: wire.ExitRevoked, Reason: wire.SkippedRevoked(c.ID)}
	}
	if v.refuses() && !s.Final {
		return Verdict{Wait: true}
	}
	return v
}

// decideStart applies the checks that depend on the command and the host alone.
func decideStart(c wire.Command, f Facts) Verdict {
	switch {
	case isLate(c, f.Now):
		return Verdict{ExitCode: wire.ExitDeadline, Reason: wire.SkippedDeadline(c.DeadlineAt, f.Now)}
	case runAsReason(c.RunAs) != "":
		return Verdict{ExitCode: wire.ExitFailed, Reason: runAsReason(c.RunAs)}
	case f.Shell != nil:
		return Verdict{ExitCode: wire.ExitFailed, Reason: f.Shell.Error()}
	}
	return Verdict{Run: true}
}

func isLate(c wire.Command, now time.Time) bool {
	return !c.DeadlineAt.IsZero() && now.After(c.DeadlineAt)
}
