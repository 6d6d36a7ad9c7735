package outbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
)

// exported is a line of an export without the payload.
type exported struct {
	Box        string      `json:"box,omitempty"`
	Name       string      `json:"name"`
	File       string      `json:"file"`
	Size       int64       `json:"size"`
	Queued     time.Time   `json:"queued"`
	Stuck      bool        `json:"stuck"`
	Reason     *Reason     `json:"reason,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	MsgID      string      `json:"msg_id,omitempty"`
	Headers    nats.Header `json:"headers,omitempty"`
	Unreadable string      `json:"unreadable,omitempty"`
}

// Export writes an entry as one line of JSON, an object with the keys "box"
// (left out when it is empty), "name", "file", "size" (of the file), "queued",
// "stuck", "reason", "subject", "msg_id", "headers", "unreadable" (why the file
// cannot be decoded) and the payload: "payload" when that is JSON, else
// "payload_base64". What is empty is left out. Of an unreadable file the payload
// is all of it. It is streamed as in [Reader.WritePayload].
func (r *Reader) Export(w io.Writer, box string, e Entry) error {
	c, err := r.load(e)
	if err != nil {
		return fmt.Errorf("outbox: export %q: %w", e.File, err)
	}
	if err := errors.Join(r.export(w, box, e, c), c.f.Close()); err != nil {
		return fmt.Errorf("outbox: export %q: %w", e.File, err)
	}
	return nil
}

func (r *Reader) export(w io.Writer, box string, e Entry, c *content) error {
	payload, err := r.payload(e, c)
	if err != nil {
		return err
	}
	line := exported{
		Box: box, Name: c.record.Name, File: e.File, Size: c.info.Size(), Queued: c.record.Queued.UTC(), Stuck: e.Stuck,
		Subject: c.record.Subject, MsgID: c.record.MsgID, Headers: c.record.Header,
	}
	line.Reason, _ = r.Reason(e) // one that cannot be read is fsck's business
	if c.unreadable != nil {
		line.Unreadable = c.unreadable.Error()
	}
	head, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := w.Write(head[:len(head)-1]); err != nil {
		return err
	}
	if err := writePayload(w, payload); err != nil {
		return err
	}
	_, err = io.WriteString(w, "}\n")
	return err
}

// writePayload reads the payload twice: what it is has to be known first.
func writePayload(w io.Writer, payload io.ReadSeeker) error {
	isUTF8, err := copyJSON(io.Discard, payload, 0)
	if _, err := payload.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err == nil && isUTF8 {
		if _, err := io.WriteString(w, `,"payload":`); err != nil {
			return err
		}
		_, err := copyJSON(w, payload, 0)
		return err
	}
	return writeBase64(w, payload)
}

func writeBase64(w io.Writer, payload io.Reader) error {
	if _, err := io.WriteString(w, `,"payload_base64":"`); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w)
	if _, err := io.Copy(encoder, payload); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, `"`)
	return err
}
