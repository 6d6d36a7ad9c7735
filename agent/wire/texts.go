package wire

import (
	"fmt"
	"strconv"
	"time"
)

// The texts that a result's stderr has when the script did not run to its end.
// Nothing parses them; people read them in the backend.

// SkippedVersionPin is the text beside [ExitVersionPin]: version is not the
// one, expected, that the job id is pinned to.
func SkippedVersionPin(id, expected, version string) string {
	return "skipped: version-pin mismatch — " + BucketScriptCurrent + "[" + id + "] = " + expected + ", command brought " + version
}

// SkippedDeadline is the text beside [ExitDeadline].
func SkippedDeadline(deadline, received time.Time) string {
	return "skipped: starting deadline expired " + FormatDuration(received.Sub(deadline)) +
		" ago (deadline " + readableTime(deadline) + ", received " + readableTime(received) + ")"
}

// SkippedRevoked is the text beside [ExitRevoked].
func SkippedRevoked(id string) string {
	return "skipped: command was revoked (" + BucketScriptStatus + "[" + id + "] = revoked)"
}

// SkippedStale is the text beside [ExitStale]. An observed time of
// [NeverConnected] is "forever".
func SkippedStale(observed, allowed time.Duration) string {
	since := "forever"
	if observed != NeverConnected {
		since = FormatDuration(observed)
	}
	return "skipped: staleness policy (mode=strict) exceeded — agent has been disconnected for " + since +
		", max allowed " + FormatDuration(allowed)
}

// SkippedRunAs is the text for a command that wants to run as somebody else
// than [RunAsSystem] where that does not exist. Its exit code is -1.
func SkippedRunAs(as RunAs) string {
	name := as.String()
	switch as {
	case RunAsUser:
		name = "User"
	case RunAsSystemGUI:
		name = "SystemGui"
	}
	return fmt.Sprintf("run_as %s is Windows-only; the script is skipped\n", name)
}

// KilledNote says that a run was ended by a message on its kill subject.
func KilledNote(execID string) string {
	return "killed by remote signal (" + killPrefix + execID + ")"
}

// TimeoutNote says that a run took too long. secs is the command's TimeoutSecs
// as received.
func TimeoutNote(secs uint64) string {
	return "timeout after " + strconv.FormatUint(secs, 10) + "s"
}

// AppendNote returns stderr with note as its last line. Whatever stderr ends
// with, one newline comes between.
func AppendNote(stderr, note string) string {
	if stderr == "" {
		return note
	}
	return stderr + "\n" + note
}

// readableTime is a timestamp as people are shown it: 2026-05-18 09:30:00 UTC.
func readableTime(t time.Time) string {
	return string(appendTimestamp(nil, t, ' ', " UTC"))
}
