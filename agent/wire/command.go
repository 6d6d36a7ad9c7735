package wire

import (
	"errors"
	"time"
)

// Command is an order to run a script, or a handler of the embedder's, on a
// host.
type Command struct {
	// ID names the job and Version its version, the one that a version pin is
	// compared with.
	ID, Version string
	// RequestID tells one command from all others; its result carries it.
	RequestID string
	// ExecID, optional, is what a kill names. There is a started event only with
	// it.
	ExecID string
	// Shell is any string here. The receiver knows which ones it can serve.
	Shell string
	// Script is the text to run. When it is empty, ScriptObject may name an
	// object in the store [StoreScripts], and ScriptObjectSHA256 its digest in
	// lower-case hex.
	Script, ScriptObject, ScriptObjectSHA256 string
	// TimeoutSecs is how many seconds a run may take; 0 counts as 1.
	TimeoutSecs uint64
	// JitterSecs is the bound, exclusive, of a random wait before the start, in
	// seconds; 0 and 1: none.
	JitterSecs uint64
	RunAs      RunAs
	// Cwd is the working folder; empty: the agent's own.
	Cwd string
	// DeadlineAt is the latest start; zero: none.
	DeadlineAt time.Time
	Staleness  Staleness
	// Emit, optional, is what becomes of the output.
	Emit *EmitConfig
}

// DecodeCommand reads a command. The error matches [ErrDecode]; the Command
// then holds ID, RequestID and ExecID as far as they could be read, for a result
// that reports the failure. What it accepts may still fail [Command.Validate].
func DecodeCommand(data []byte) (Command, error) {
	r := newReader("command", data)
	var c Command
	seen := r.document(func(key []byte) { c.read(r, string(key)) })
	r.require(seen, "id", "version", "request_id", "shell", "script", "timeout_secs")
	if seen.has("exec_id") && seen.has("job_id") {
		r.failf("exec_id and its alias job_id are both present")
	}
	if r.err != nil {
		return Command{ID: c.ID, RequestID: c.RequestID, ExecID: c.ExecID}, r.err
	}
	return c, nil
}

func (c *Command) read(r *reader, key string) {
	switch key {
	case "id":
		c.ID = r.string()
	case "version":
		c.Version = r.string()
	case "request_id":
		c.RequestID = r.string()
	case "exec_id", "job_id":
		c.readExecID(r)
	case "shell":
		c.Shell = r.string()
	case "script":
		c.Script = r.string()
	case "script_object":
		c.ScriptObject = r.optString()
	case "script_object_sha256":
		c.ScriptObjectSHA256 = r.optString()
	case "timeout_secs":
		c.TimeoutSecs = r.uint()
	case "jitter_secs":
		c.JitterSecs = r.optUint()
	default:
		c.readMore(r, key)
	}
}

func (c *Command) readMore(r *reader, key string) {
	switch key {
	case "run_as":
		c.RunAs = RunAs(r.enum(runAsNames))
	case "cwd":
		c.Cwd = r.optString()
	case "deadline_at":
		c.DeadlineAt = r.optTime()
	case "staleness":
		c.Staleness = r.staleness()
	case "emit":
		c.Emit = r.emit()
	case "command_kind":
		r.enum(commandKinds)
	case "payload_version", "operation", "deploy_authorization":
		r.failf("not allowed in a shell command")
		r.skip()
	default:
		r.skip()
	}
}

// commandKinds are the values of a key that newer releases use to mark commands
// which are not scripts.
var commandKinds = []string{"shell"}

// readExecID keeps the first of the two names.
func (c *Command) readExecID(r *reader) {
	if id := r.optString(); c.ExecID == "" {
		c.ExecID = id
	}
}

// Validate reports every problem at once, joined: ids that cannot stand in a
// subject, unknown enum values, text that is not UTF-8, a deadline outside the
// years 0 to 9999. Each matches [ErrInvalid]. Whether the command can be run here
// is not its business.
func (c Command) Validate() error {
	errs := []error{
		invalid("request_id", checkTokens(c.RequestID, maxNameBytes)),
		invalid("run_as", checkEnum(runAsNames, uint8(c.RunAs))),
		c.Staleness.validate(),
		c.Emit.validate(),
		checkText("id", c.ID),
		checkText("version", c.Version),
		checkText("shell", c.Shell),
		checkText("script", c.Script),
		checkText("script_object", c.ScriptObject),
		checkText("script_object_sha256", c.ScriptObjectSHA256),
		checkText("cwd", c.Cwd),
	}
	if c.ExecID != "" {
		errs = append(errs, invalid("exec_id", checkTokens(c.ExecID, maxNameBytes)))
	}
	if !c.DeadlineAt.IsZero() {
		errs = append(errs, invalid("deadline_at", checkTime(c.DeadlineAt)))
	}
	return errors.Join(errs...)
}

// Timeout is TimeoutSecs as a duration, at least one second and at most what a
// [time.Duration] holds.
func (c Command) Timeout() time.Duration { return seconds(max(c.TimeoutSecs, 1)) }

// Jitter is the bound, exclusive, of the random wait before the start; 0: none.
func (c Command) Jitter() time.Duration {
	if c.JitterSecs <= 1 {
		return 0
	}
	return seconds(c.JitterSecs)
}

func seconds(n uint64) time.Duration { return span{seconds: n}.duration() }

// Encode writes the command as a backend does. A command that fails
// [Command.Validate] is not written; the error is that one.
func (c Command) Encode() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := newWriter(512 + escaped(len(c.Script)))
	w.string("id", c.ID)
	w.string("version", c.Version)
	w.string("request_id", c.RequestID)
	w.nullString("exec_id", c.ExecID)
	w.string("shell", c.Shell)
	w.string("script", c.Script)
	w.omitString("script_object", c.ScriptObject)
	w.omitString("script_object_sha256", c.ScriptObjectSHA256)
	w.uint("timeout_secs", c.TimeoutSecs)
	w.nullUint("jitter_secs", c.JitterSecs)
	w.string("run_as", c.RunAs.String())
	w.omitString("cwd", c.Cwd)
	w.omitTime("deadline_at", c.DeadlineAt)
	w.staleness("staleness", c.Staleness)
	w.emit("emit", c.Emit)
	return w.end(), nil
}
