package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
)

// VerdictResult is the result of a command that did not run.
func VerdictResult(c wire.Command, pcID string, v Verdict, now time.Time) wire.Result {
	r := resultFor(c, pcID)
	r.ExitCode, r.Stderr = v.ExitCode, shortened(v.Reason, maxReason)
	r.StartedAt, r.FinishedAt = now.UTC(), now.UTC()
	return r
}

// maxReason bounds why a command did not run: the reason stands in the ledger.
const maxReason = 16 << 10

// shortened leaves out the middle of a text that is longer than limit bytes.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	c := exec.NewCapture(limit)
	_, _ = c.Write([]byte(text)) // a Capture never fails
	kept, _ := c.Bytes()
	return string(kept)
}

// resultFor fills what every result of the command has. The ID follows from
// request and host, so that a repeat can never be a second result.
func resultFor(c wire.Command, pcID string) wire.Result {
	return wire.Result{
		ResultID:   wire.ResultID(c.RequestID, pcID),
		RequestID:  c.RequestID,
		ExecID:     c.ExecID,
		PCID:       pcID,
		ManifestID: c.ID,
	}
}

// interruptedResult is the result of a command that was started before a
// restart: nobody knows how far it came, so it is not run again.
func interruptedResult(c wire.Command, pcID string, accepted, now time.Time) wire.Result {
	r := resultFor(c, pcID)
	r.ExitCode = wire.ExitInterrupted
	r.Stderr = "interrupted: the agent restarted while this command ran; its outcome is unknown and it is not run again"
	r.StartedAt, r.FinishedAt = accepted.UTC(), now.UTC()
	return r
}

// resultOfRun is the result of a command that was started; cause is why its
// context ended, if it did.
func resultOfRun(c wire.Command, pcID string, o exec.Outcome, err, cause error) wire.Result {
	r := resultFor(c, pcID)
	r.ExitCode = wire.ExitCode(o.Code)
	r.Stdout, r.Stderr = string(o.Stdout), string(o.Stderr)
	r.StartedAt, r.FinishedAt = o.Started.UTC(), o.Finished.UTC()
	if r.FinishedAt.Before(r.StartedAt) {
		r.FinishedAt = r.StartedAt // the clock was set back, or the runner did not say
	}
	for _, note := range notes(o) {
		r.Stderr = wire.AppendNote(r.Stderr, note)
	}
	if failure := failureOf(c, o, err, cause); failure != "" {
		r.ExitCode = wire.ExitFailed
		r.Stderr = wire.AppendNote(r.Stderr, failure)
	}
	return r
}

// notes are what the runner has to say of a run beside its output.
func notes(o exec.Outcome) (all []string) {
	if o.Incomplete {
		all = append(all, "capture ended early: a process that the command left behind still holds its output")
	}
	if o.Blocked != "" {
		all = append(all, o.Blocked)
	}
	if o.Limit != "" && o.End != exec.EndLimit {
		all = append(all, fmt.Sprintf("the script reached its %s limit", o.Limit))
	}
	if o.Code != 0 && o.Language != "" && o.Language != fullLanguage {
		all = append(all, "this host runs PowerShell in "+o.Language+" mode")
	}
	return all
}

// fullLanguage is the mode of a PowerShell that no policy locks down.
const fullLanguage = "FullLanguage"

// largeResult is the output, in bytes, above which a result keeps its slot until
// it is on disk. So a disk that takes nothing stops the commands with large
// output before their results fill the memory: there are never more of those
// than slots.
const largeResult = 1 << 20

func large(r wire.Result) bool { return len(r.Stdout)+len(r.Stderr) > largeResult }

// failureOf says why a started command did not come to its own end.
func failureOf(c wire.Command, o exec.Outcome, err, cause error) string {
	canceled := err != nil || o.End == exec.EndCanceled
	switch {
	case canceled && errors.Is(cause, errKilled):
		return wire.KilledNote(c.ExecID)
	case canceled && errors.Is(cause, errStopped):
		return "ended because the agent stopped"
	case err != nil:
		return err.Error()
	case o.End == exec.EndTimeout:
		return wire.TimeoutNote(c.TimeoutSecs)
	case o.End == exec.EndLimit:
		return fmt.Sprintf("ended because the script went beyond its %s limit", o.Limit)
	}
	return ""
}

// RecordOf is the outbox record of a result. Its message ID is the result ID:
// the stream drops what it already has. A request ID that no subject can hold is
// no name either.
func RecordOf(r wire.Result) outbox.Record {
	name := r.RequestID
	if wire.SubjectSafe(name) != nil {
		name = r.ResultID
	}
	return outbox.Record{
		Name:    name,
		MsgID:   r.ResultID,
		Subject: wire.ResultSubject(r.RequestID),
		Data:    r.Encode(),
	}
}
