package wire

import (
	"errors"
	"time"
)

// Manifest is a job: a value of the bucket jobs, whose keys are job ids.
type Manifest struct {
	ID, Version string
	// Description is optional.
	Description string
	Execute     Execute
	// RequireApproval is the backend's business, and so is Inventory, which may
	// be nil.
	RequireApproval bool
	Inventory       *InventoryHint
	// Emit, optional, and Staleness are those of the job's commands.
	Emit      *EmitConfig
	Staleness Staleness
}

// Execute is what a job runs.
type Execute struct {
	// Shell is any string here, as in [Command].
	Shell string
	// Script is the text to run. When it is empty, ScriptObject may name an
	// object in the store [StoreScripts]. ScriptFile is resolved by whoever writes
	// the job; agents make nothing of it.
	Script, ScriptFile, ScriptObject string
	// Timeout is a duration as [ParseDuration] reads it, kept as it came.
	Timeout string
	RunAs   RunAs
	// Cwd is the working folder; empty: the agent's own.
	Cwd string
}

// defaultTimeoutSecs stands for a timeout that cannot be read.
const defaultTimeoutSecs = 60

// TimeoutSecs is Timeout in whole seconds, cut off; 60 if it cannot be read.
func (e Execute) TimeoutSecs() uint64 {
	d, err := ParseDuration(e.Timeout)
	if err != nil {
		return defaultTimeoutSecs
	}
	return uint64(d / time.Second)
}

// DecodeManifest reads a job. A key that it does not know, in the manifest or in
// its execute, is an error: it may change what the job means. The error matches
// [ErrDecode].
func DecodeManifest(data []byte) (Manifest, error) {
	r := newReader("manifest", data)
	var m Manifest
	seen := r.document(func(key []byte) { m.read(r, string(key)) })
	r.require(seen, "id", "version", "execute")
	if r.err != nil {
		return Manifest{}, r.err
	}
	return m, nil
}

func (m *Manifest) read(r *reader, key string) {
	switch key {
	case "id":
		m.ID = r.string()
	case "version":
		m.Version = r.string()
	case "description":
		m.Description = r.optString()
	case "execute":
		m.Execute = r.execute()
	case "require_approval":
		m.RequireApproval = r.bool()
	case "inventory":
		m.Inventory = r.inventoryHint()
	case "emit":
		m.Emit = r.emit()
	case "staleness":
		m.Staleness = r.staleness()
	default:
		r.unknown()
	}
}

func (r *reader) unknown() {
	r.failf("this release does not know the key, and it may change what the document means")
	r.skip()
}

func (r *reader) execute() (e Execute) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "shell":
			e.Shell = r.string()
		case "script":
			e.Script = r.optString()
		case "script_file":
			e.ScriptFile = r.optString()
		case "script_object":
			e.ScriptObject = r.optString()
		case "timeout":
			e.Timeout = r.string()
		case "run_as":
			e.RunAs = RunAs(r.enum(runAsNames))
		case "cwd":
			e.Cwd = r.optString()
		default:
			r.unknown()
		}
	})
	r.require(seen, "shell", "timeout")
	return e
}

// Validate reports every problem that keeps a backend from storing the job,
// joined; each matches [ErrInvalid]. An agent takes some of them all the same: it
// reads an unreadable timeout as 60 s, and ignores a second source of the script.
func (m Manifest) Validate() error {
	_, timeout := ParseDuration(m.Execute.Timeout)
	return errors.Join(
		invalid("id", KeySafe(m.ID)),
		checkText("version", m.Version),
		checkText("description", m.Description),
		checkText("shell", m.Execute.Shell),
		checkText("script", m.Execute.Script),
		checkText("script_file", m.Execute.ScriptFile),
		checkText("script_object", m.Execute.ScriptObject),
		checkText("cwd", m.Execute.Cwd),
		invalid("timeout", timeout),
		invalid("run_as", checkEnum(runAsNames, uint8(m.Execute.RunAs))),
		invalid("script", m.Execute.oneSource()),
		m.Staleness.validate(),
		m.Emit.validate(),
	)
}

func (e Execute) oneSource() error {
	sources := 0
	for _, s := range []string{e.Script, e.ScriptFile, e.ScriptObject} {
		if s != "" {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("expected exactly one of script, script_file and script_object")
	}
	return nil
}

// Encode writes the job as a backend stores it.
func (m Manifest) Encode() []byte {
	w := newWriter(512 + escaped(len(m.Execute.Script)))
	w.string("id", m.ID)
	w.string("version", m.Version)
	w.nullString("description", m.Description)
	w.execute("execute", m.Execute)
	w.bool("require_approval", m.RequireApproval)
	w.inventoryHint("inventory", m.Inventory)
	if m.Emit == nil {
		w.raw("emit", "null")
	}
	w.emit("emit", m.Emit)
	w.staleness("staleness", m.Staleness)
	return w.end()
}

func (w *writer) execute(name string, e Execute) {
	w.open(name)
	w.string("shell", e.Shell)
	w.omitString("script", e.Script)
	w.omitString("script_file", e.ScriptFile)
	w.omitString("script_object", e.ScriptObject)
	w.string("timeout", e.Timeout)
	w.string("run_as", e.RunAs.String())
	w.omitString("cwd", e.Cwd)
	w.close()
}
