package wire

import (
	"encoding/json"
	"errors"
)

// maxKLPID is how long the id of a request may be, in bytes of JSON. It comes
// back in the response, which has to fit into a frame.
const maxKLPID = 1 << 10

// KLPID is the id of a request as it stands in JSON: a string, or a number as
// many JSON-RPC libraries use it. Empty: none, or null in a response that
// answers nothing in particular.
type KLPID string

// KLPStringID is the id that a string makes.
func KLPStringID(id string) KLPID { return KLPID(appendString(nil, id)) }

// KLPMessage is one JSON-RPC 2.0 message: a request if it has ID and Method, a
// notification or push if it has a Method only, else a response, with either
// Result or Error.
type KLPMessage struct {
	ID     KLPID
	Method string
	Params json.RawMessage // empty: none, which null is too
	Result json.RawMessage // of a response without Error; empty is null
	Error  *KLPError
}

// DecodeKLPMessage reads a message of either side. Params and Result are parts
// of data. The error is a [*KLPError] of the kind [KLPParseError] or
// [KLPInvalidRequest] that can be sent back as it is; the message has the ID
// then if it could be read.
func DecodeKLPMessage(data []byte) (KLPMessage, error) {
	e, err := readKLPEnvelope(data)
	if err != nil {
		return KLPMessage{}, err
	}
	return e.message()
}

// klpEnvelope is the members of a message as they stand in it.
type klpEnvelope struct{ version, id, method, params, result, failure []byte }

func readKLPEnvelope(data []byte) (e klpEnvelope, err error) {
	r := newReader("klp message", data)
	if c := r.peek(); c != '{' {
		if r.skip(); r.err == nil {
			r.end()
		}
		if r.err == nil {
			return e, klpInvalid("a message is an object")
		}
		return e, &KLPError{Kind: KLPParseError, Detail: r.err.Error()}
	}
	r.document(func(key []byte) {
		if part := e.part(string(key)); part != nil {
			*part = r.span()
			return
		}
		r.skip()
	})
	if r.err != nil {
		return e, &KLPError{Kind: KLPParseError, Detail: r.err.Error()}
	}
	return e, nil
}

func (e *klpEnvelope) part(key string) *[]byte {
	switch key {
	case "jsonrpc":
		return &e.version
	case "id":
		return &e.id
	case "method":
		return &e.method
	case "params":
		return &e.params
	case "result":
		return &e.result
	case "error":
		return &e.failure
	}
	return nil
}

// span steps over a value and returns it as it stands in the document.
func (r *reader) span() []byte {
	r.peek()
	start := r.pos
	r.skip()
	return r.data[start:r.pos:r.pos]
}

func (e klpEnvelope) message() (m KLPMessage, err error) {
	answer := e.result != nil || e.failure != nil && string(e.failure) != "null"
	if m.ID, err = klpID(e.id, answer); err != nil {
		return KLPMessage{}, err
	}
	switch version, err := klpString(e.version); {
	case err != nil || version != "2.0":
		return KLPMessage{ID: m.ID}, klpInvalid(`jsonrpc must be "2.0"`)
	case answer:
		return e.response(m)
	}
	if m.Method, err = klpString(e.method); err != nil || m.Method == "" {
		return KLPMessage{ID: m.ID}, klpInvalid("method must be a string with the name of a method")
	}
	m.Params = notNull(e.params)
	return m, nil
}

func (e klpEnvelope) response(m KLPMessage) (KLPMessage, error) {
	if notNull(e.failure) == nil {
		m.Result = notNull(e.result)
		return m, nil
	}
	failure, err := decodeKLPError(e.failure)
	if err != nil {
		return KLPMessage{ID: m.ID}, &KLPError{Kind: KLPInvalidRequest, Detail: err.Error()}
	}
	m.Error = &failure
	return m, nil
}

// klpID takes a string or a number; null only where nobody waits for an answer.
func klpID(id []byte, answer bool) (KLPID, error) {
	switch {
	case id == nil || answer && string(id) == "null":
		return "", nil
	case len(id) > maxKLPID:
		return "", klpInvalid("id has %d bytes, at most %d are taken", len(id), maxKLPID)
	case id[0] == '"':
		text, err := klpString(id)
		return KLPStringID(text), err
	case id[0] == '-' || id[0] >= '0' && id[0] <= '9':
		return KLPID(id), nil
	}
	return "", klpInvalid("id must be a string; leave it out for a notification")
}

func klpString(value []byte) (string, error) {
	if len(value) == 0 || value[0] != '"' {
		return "", errors.New("not a string")
	}
	r := newReader("klp message", value)
	text := r.string()
	return text, r.err
}

func notNull(value []byte) []byte {
	if len(value) == 0 || string(value) == "null" {
		return nil
	}
	return value
}

// Encode writes the message as it goes into a frame. Params and Result must be
// JSON.
func (m KLPMessage) Encode() []byte {
	w := newWriter(96 + len(m.Params) + len(m.Result))
	w.string("jsonrpc", "2.0")
	if m.Method == "" {
		m.writeResponse(w)
		return w.end()
	}
	if m.ID != "" {
		w.raw("id", string(m.ID))
	}
	w.string("method", m.Method)
	if params := notNull(m.Params); params != nil {
		w.json("params", params)
	}
	return w.end()
}

func (m KLPMessage) writeResponse(w *writer) {
	if m.ID == "" {
		w.raw("id", "null")
	} else {
		w.raw("id", string(m.ID))
	}
	switch result := notNull(m.Result); {
	case m.Error != nil:
		w.open("error")
		m.Error.write(w)
		w.close()
	case result == nil:
		w.raw("result", "null")
	default:
		w.json("result", result)
	}
}

// json writes a value that is JSON already.
func (w *writer) json(name string, value []byte) {
	w.key(name)
	w.buf = append(w.buf, value...)
}
