package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// coverage counts what happened in the histories: a simulation in which nothing
// goes wrong proves nothing.
type coverage map[string]int

func (c coverage) merge(other coverage) {
	for what, n := range other {
		c[what] += n
	}
}

func (c coverage) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%8d  %s\n", c[what], what)
	}
	return b.String()
}

func (c coverage) missing() []string {
	return slices.DeleteFunc(slices.Clone(expected), func(what string) bool { return c[what] > 0 })
}

// expected must all occur among simEnough seeds.
var expected = slices.Concat(
	prefixed("fault: ",
		"disconnect", "start without a broker", "duplicate", "conflict", "kill", "clock step forward", "clock step back",
		"acknowledgement of a publish lost", "consumer deleted",
		"stream "+wire.StreamExec+" deleted", "stream "+wire.StreamResults+" deleted",
		"subscribe fails", jstest.OpPublish+" fails", jstest.OpStream+" fails", jstest.OpConsumer+" fails",
		jstest.OpMessages+" fails", jstest.OpNext+" fails", jstest.OpSettle+" fails",
		"disk, "+syscall.EIO.Error(), "disk, "+syscall.ENOSPC.Error()),
	prefixed("end: ", endingNames[stopped:]...),
	prefixed("cut at: ", diskSteps...),
	// The rows of the crash table.
	prefixed("crash leaves: ",
		"nothing", "accepted", "verdict", "verdict + record", "started", "started + record",
		"finished + record", "finished", "a torn ledger line"),
	prefixed("result: ",
		"exit code of the script", "failed", "interrupted", "too late", "stale", "killed", "agent stopped", "timeout", "stored twice",
		"output stored as events", "keeps output that was not stored as events"),
	prefixed("verdict over a restart: ", "failed", "interrupted", "killed", "too late"),
	prefixed("kill: ", "on disk before the start"),
	prefixed("observed: ", "command_admission_conflict"),
	prefixed("cut at: ", scheduleSteps...),
	prefixed("crash leaves: fire, ", "started", "started + record", "finished", "finished + record"),
	prefixed("fire: ", "exit code of the script", "interrupted", "too late"),
	prefixed("schedule: ", "edited", "disabled", "deleted", "fired without a broker"),
	prefixed("fault: ", "store of scripts deleted", jstest.OpObjectRead+" fails"),
	prefixed("object: ", "run", "run by a schedule", "refused"),
	prefixed("at once: ", "more", "fewer", "above the host's own number"),
	prefixed("order: ", "run again after a crash", "taken by its conflict", "lost by its sender, who did not send it again"),
)

func prefixed(prefix string, all ...string) (out []string) {
	for _, what := range all {
		out = append(out, prefix+what)
	}
	return out
}

func (s *sim) countResult(o *order) {
	r := o.results[0]
	s.happened("result: " + resultKind(r))
	if len(o.results) > 1 {
		s.happened("result: stored twice")
	}
	if len(o.starts) > 1 {
		s.happened("order: run again after a crash")
	}
	if r.ManifestID != "job-0" {
		s.happened("order: taken by its conflict")
	}
}

func resultKind(r wire.Result) string {
	switch {
	case r.ExitCode == wire.ExitInterrupted:
		return "interrupted"
	case r.ExitCode == wire.ExitDeadline:
		return "too late"
	case r.ExitCode == wire.ExitStale:
		return "stale"
	case r.ExitCode >= 0:
		return "exit code of the script"
	case strings.Contains(r.Stderr, "killed by"):
		return "killed"
	case strings.Contains(r.Stderr, "agent stopped"):
		return "agent stopped"
	case strings.Contains(r.Stderr, "timeout after"):
		return "timeout"
	}
	return "failed"
}
