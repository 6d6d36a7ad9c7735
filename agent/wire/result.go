package wire

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Exit codes that no process returned. Any other than 0 counts as a failure.
const (
	// ExitFailed is a run that was killed, timed out, died of a signal or could
	// not be started.
	ExitFailed = -1
	// ExitInterrupted is a run whose outcome is unknown, because the agent
	// restarted.
	ExitInterrupted = 121
	ExitVersionPin  = 124 // skipped: another version is current
	ExitDeadline    = 125 // skipped: too late
	ExitRevoked     = 126 // skipped: the job was revoked
	ExitStale       = 127 // skipped: cut off for too long
)

// ExitCode is a process's exit code as the wire has it: its lower 32 bits with
// sign, so that 0xC0000005 on Windows is -1073741819.
func ExitCode(code int) int32 { return int32(code) }

// Result is the outcome of a command on one host.
type Result struct {
	// ResultID identifies this result; see the function [ResultID].
	ResultID  string
	RequestID string
	ExecID    string // optional, the command's
	PCID      string
	ExitCode  int32
	// Stdout and Stderr are empty when they were stored as objects instead.
	// Bytes that are not UTF-8 are written as U+FFFD.
	Stdout, Stderr string
	// StartedAt is the started event's. A command that did not run has the same
	// time twice.
	StartedAt, FinishedAt time.Time
	// StdoutObject and StderrObject, optional, are keys in the store
	// [StoreResultOutput].
	StdoutObject, StderrObject string
	ManifestID                 string // the command's ID
}

// resultIDPrefix is what the backend puts before the ids of a result that came
// without an id of its own.
const resultIDPrefix = "kanade-issue-19/legacy-result-id:"

// ResultID derives the id of the result that a command has on a host, a UUID of
// version 5. It is the id that the backend derives for a result without one, so
// every copy of a result has it.
func ResultID(requestID, pcID string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(resultIDPrefix+requestID+":"+pcID)).String()
}

// DecodeResult reads a result. An absent result_id is empty. The error matches
// [ErrDecode]; the Result then holds RequestID and ResultID as far as they could
// be read.
func DecodeResult(data []byte) (Result, error) {
	r := newReader("result", data)
	var v Result
	seen := r.document(func(key []byte) { v.read(r, string(key)) })
	r.require(seen, "request_id", "pc_id", "exit_code", "stdout", "stderr", "started_at", "finished_at")
	if r.err != nil {
		return Result{ResultID: v.ResultID, RequestID: v.RequestID}, r.err
	}
	return v, nil
}

func (v *Result) read(r *reader, key string) {
	switch key {
	case "result_id":
		v.ResultID = r.string()
	case "request_id":
		v.RequestID = r.string()
	case "exec_id":
		v.ExecID = r.optString()
	case "pc_id":
		v.PCID = r.string()
	case "exit_code":
		v.ExitCode = r.int32()
	case "stdout":
		v.Stdout = r.string()
	case "stderr":
		v.Stderr = r.string()
	case "started_at":
		v.StartedAt = r.time()
	case "finished_at":
		v.FinishedAt = r.time()
	case "stdout_object":
		v.StdoutObject = r.optString()
	case "stderr_object":
		v.StderrObject = r.optString()
	case "manifest_id":
		v.ManifestID = r.optString()
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
// RequestID may be any text: an unusable one still gets its failure reported.
func (v Result) Validate() error {
	return errors.Join(
		invalid("result_id", checkPresent(v.ResultID)),
		invalid("request_id", checkPresent(v.RequestID)),
		invalid("pc_id", checkPCID(v.PCID)),
		invalid("started_at", checkTime(v.StartedAt)),
		invalid("finished_at", checkTime(v.FinishedAt)),
	)
}

func checkPresent(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	return nil
}

// Encode writes the result as it is published and kept on disk.
func (v Result) Encode() []byte {
	w := newWriter(512 + escaped(len(v.Stdout)+len(v.Stderr)))
	w.string("result_id", v.ResultID)
	w.string("request_id", v.RequestID)
	w.omitString("exec_id", v.ExecID)
	w.string("pc_id", v.PCID)
	w.int32("exit_code", v.ExitCode)
	w.string("stdout", v.Stdout)
	w.string("stderr", v.Stderr)
	w.time("started_at", v.StartedAt)
	w.time("finished_at", v.FinishedAt)
	w.omitString("stdout_object", v.StdoutObject)
	w.omitString("stderr_object", v.StderrObject)
	w.omitString("manifest_id", v.ManifestID)
	return w.end()
}
