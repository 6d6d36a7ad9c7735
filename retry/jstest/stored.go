package jstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// storedGetPrefix starts the subject of a request for one message that the leader of a stream answers.
const storedGetPrefix = "$JS.API.STREAM.MSG.GET."

type storedReply struct {
	Type    string              `json:"type"`
	Message *storedReplyMsg     `json:"message,omitempty"`
	Error   *jetstream.APIError `json:"error,omitempty"`
}

type storedReplyMsg struct {
	Subject  string    `json:"subject"`
	Sequence uint64    `json:"seq"`
	Header   []byte    `json:"hdrs,omitempty"`
	Data     []byte    `json:"data,omitempty"`
	Time     time.Time `json:"time"`
}

// answerStored answers m if it is a request to the leader of a stream, be there such a stream or not.
func (b *broker) answerStored(m *nats.Msg) (taken bool) {
	name, found := strings.CutPrefix(m.Subject, storedGetPrefix)
	if !found || strings.Contains(name, ".") {
		return false
	}
	if m.Reply == "" {
		return true
	}
	reply := storedReply{Type: "io.nats.jetstream.api.v1.stream_msg_get_response"}
	stored, failure := b.storedFor(name, m.Data)
	reply.Error = failure
	if failure == nil {
		reply.Message = &storedReplyMsg{
			Subject: stored.subject, Sequence: stored.seq, Header: wireHeader(stored.header), Data: stored.data, Time: stored.time,
		}
	}
	data, err := json.Marshal(reply)
	if err != nil {
		panic(fmt.Sprintf("jstest: encode stored message: %v", err))
	}
	b.route(&nats.Msg{Subject: m.Reply, Data: data})
	return true
}

func (b *broker) storedFor(stream string, body []byte) (*storedMsg, *jetstream.APIError) {
	var req directGet
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields() // as the server is by default
	switch err := strict.Decode(&req); {
	case len(body) == 0:
		return nil, badRequest
	case err != nil:
		return nil, &jetstream.APIError{Code: 400, ErrorCode: 10025, Description: "invalid JSON: " + err.Error()}
	case req.StartTime != nil || req.UpToTime != nil || req.NoHeaders:
		notImitated("a time, or no headers, in a request for a stored message")
	case req.Batch > 0 || req.MaxBytes > 0 || req.Sequence == 0 && req.LastFor == "" && req.NextFor == "" ||
		req.LastFor != "" && (req.Sequence > 0 || req.NextFor != ""):
		return nil, badRequest
	}
	st, exists := b.streams[stream]
	if !exists {
		return nil, &jetstream.APIError{Code: 404, ErrorCode: jetstream.JSErrCodeStreamNotFound, Description: "stream not found"}
	}
	if m := st.stored(req); m != nil {
		return m, nil
	}
	return nil, &jetstream.APIError{Code: 404, ErrorCode: jetstream.JSErrCodeMessageNotFound, Description: "no message found"}
}

var badRequest = &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeBadRequest, Description: "bad request"}

func (st *streamState) stored(req directGet) *storedMsg {
	switch {
	case req.LastFor != "":
		return st.last(req.LastFor)
	case req.NextFor == "":
		return st.find(req.Sequence)
	}
	rest := st.from(req.Sequence)
	if i := slices.IndexFunc(rest, func(m *storedMsg) bool { return matches(req.NextFor, m.subject) }); i >= 0 {
		return rest[i]
	}
	return nil
}

// wireHeader is a header as it crosses the wire.
func wireHeader(h nats.Header) []byte {
	if len(h) == 0 {
		return nil
	}
	out := bytes.NewBufferString("NATS/1.0\r\n")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			fmt.Fprintf(out, "%s: %s\r\n", name, value)
		}
	}
	out.WriteString("\r\n")
	return out.Bytes()
}
