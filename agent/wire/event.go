package wire

import (
	"errors"
	"time"
)

// EventStarted tells that a run has begun. It is sent for commands with an
// ExecID only.
type EventStarted struct {
	ResultID   string // the same as in the result
	RequestID  string
	ExecID     string
	PCID       string
	StartedAt  time.Time
	ManifestID string // the command's ID
	Version    string
}

// DecodeEventStarted reads a started event. The error matches [ErrDecode].
func DecodeEventStarted(data []byte) (EventStarted, error) {
	r := newReader("started event", data)
	var e EventStarted
	seen := r.document(func(key []byte) { e.read(r, string(key)) })
	r.require(seen, "result_id", "request_id", "exec_id", "pc_id", "started_at", "manifest_id", "version")
	if r.err != nil {
		return EventStarted{}, r.err
	}
	return e, nil
}

func (e *EventStarted) read(r *reader, key string) {
	switch key {
	case "result_id":
		e.ResultID = r.string()
	case "request_id":
		e.RequestID = r.string()
	case "exec_id":
		e.ExecID = r.string()
	case "pc_id":
		e.PCID = r.string()
	case "started_at":
		e.StartedAt = r.time()
	case "manifest_id":
		e.ManifestID = r.string()
	case "version":
		e.Version = r.string()
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (e EventStarted) Validate() error {
	return errors.Join(
		invalid("result_id", checkPresent(e.ResultID)),
		invalid("request_id", checkPresent(e.RequestID)),
		invalid("exec_id", checkTokens(e.ExecID, maxNameBytes)),
		invalid("pc_id", checkPCID(e.PCID)),
		invalid("started_at", checkTime(e.StartedAt)),
	)
}

// Encode writes the event as it is published and kept on disk.
func (e EventStarted) Encode() []byte {
	w := newWriter(512)
	w.string("result_id", e.ResultID)
	w.string("request_id", e.RequestID)
	w.string("exec_id", e.ExecID)
	w.string("pc_id", e.PCID)
	w.time("started_at", e.StartedAt)
	w.string("manifest_id", e.ManifestID)
	w.string("version", e.Version)
	return w.end()
}
