package wire

import (
	"encoding/json"
	"errors"
	"time"
)

// ObsEvent is something that was observed on a host, by the agent or by a
// script that prints one event a line.
type ObsEvent struct {
	// PCID is required in a script's line too; the agent then puts its own.
	PCID string
	At   time.Time // when it happened
	Kind string    // free text, for example logon or agent_started
	// Source is <scheme>:<detail>, for example winlog:System.
	Source string
	// EventRecordID, optional, identifies the event within its source.
	EventRecordID string
	// Payload is any JSON value; empty counts as null. Decoding leaves it in the
	// form that Encode writes.
	Payload json.RawMessage
}

// DecodeObsEvent reads an event. The error matches [ErrDecode].
func DecodeObsEvent(data []byte) (ObsEvent, error) {
	r := newReader("obs event", data)
	var e ObsEvent
	seen := r.document(func(key []byte) { e.read(r, string(key)) })
	r.require(seen, "pc_id", "at", "kind", "source")
	if r.err != nil {
		return ObsEvent{}, r.err
	}
	return e, nil
}

func (e *ObsEvent) read(r *reader, key string) {
	switch key {
	case "pc_id":
		e.PCID = r.string()
	case "at":
		e.At = r.time()
	case "kind":
		e.Kind = r.string()
	case "source":
		e.Source = r.string()
	case "event_record_id":
		e.EventRecordID = r.optString()
	case "payload":
		if r.optional() {
			e.Payload = r.canonical(nil)
		}
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (e ObsEvent) Validate() error {
	_, err := canonicalPayload(e.Payload)
	return errors.Join(e.validateFields(), invalid("payload", err))
}

func (e ObsEvent) validateFields() error {
	return errors.Join(
		invalid("pc_id", checkPCID(e.PCID)),
		invalid("at", checkTime(e.At)),
	)
}

// Encode writes the event as it is published and kept on disk. In the payload,
// keys are sorted by their bytes and numbers are written the one way that the
// wire has for them: 1e2 becomes 100.0. The error is that of Validate.
func (e ObsEvent) Encode() ([]byte, error) {
	payload, err := canonicalPayload(e.Payload)
	if err := errors.Join(e.validateFields(), invalid("payload", err)); err != nil {
		return nil, err
	}
	w := newWriter(256 + len(payload))
	w.string("pc_id", e.PCID)
	w.time("at", e.At)
	w.string("kind", e.Kind)
	w.string("source", e.Source)
	w.nullString("event_record_id", e.EventRecordID)
	w.key("payload")
	w.buf = append(w.buf, payload...)
	return w.end(), nil
}

func canonicalPayload(payload json.RawMessage) ([]byte, error) {
	if len(payload) == 0 {
		return []byte("null"), nil
	}
	r := newReader("payload", payload)
	out := r.canonical(make([]byte, 0, len(payload)))
	r.end()
	return out, r.err
}
