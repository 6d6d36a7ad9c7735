package outbox

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/nats-io/nats.go"
)

// JSONEnvelope is the default [Codec]. Its files are JSON objects with the keys
// "name", "msg_id", "subject", "header" (lists of strings by name, may be
// absent), "data" (base64) and "queued" (RFC 3339). Unknown keys are ignored.
type JSONEnvelope struct{}

type envelope struct {
	Name    string      `json:"name"`
	MsgID   string      `json:"msg_id"`
	Subject string      `json:"subject"`
	Header  nats.Header `json:"header,omitempty"`
	Data    []byte      `json:"data"`
	Queued  time.Time   `json:"queued,omitzero"`
}

// Encode writes the envelope of r.
func (JSONEnvelope) Encode(w io.Writer, r Record) error {
	if err := checkMessage(r); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(envelope(r))
}

// Decode reads an envelope; anything but exactly one is an error.
func (JSONEnvelope) Decode(_ string, file io.Reader) (Record, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return Record{}, err
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return Record{}, err
	}
	if e.Subject == "" {
		return Record{}, errors.New("no subject")
	}
	return Record(e), nil
}
