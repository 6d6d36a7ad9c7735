package jstest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	directGetPrefix   = "$JS.API.DIRECT.GET."
	maxDirectMulti    = 1024 // subjects that one multi-last request may match
	maxDirectBytes    = 64 << 20
	descriptionHeader = "Description"
)

// directGet is a request for messages that any replica answers by itself.
type directGet struct {
	Sequence     uint64          `json:"seq"`
	LastFor      string          `json:"last_by_subj"`
	NextFor      string          `json:"next_by_subj"`
	Batch        int             `json:"batch"`
	MaxBytes     int             `json:"max_bytes"`
	MultiLastFor []string        `json:"multi_last"`
	UpToSequence uint64          `json:"up_to_seq"`
	StartTime    json.RawMessage `json:"start_time"`
	UpToTime     json.RawMessage `json:"up_to_time"`
	NoHeaders    bool            `json:"no_hdr"`
}

// answerDirect answers m if it is a direct get from a stream that allows it.
func (b *broker) answerDirect(m *nats.Msg) (taken bool) {
	rest, found := strings.CutPrefix(m.Subject, directGetPrefix)
	name, subject, hasSubject := strings.Cut(rest, ".")
	st, exists := b.streams[name]
	if !found || !exists || !st.cfg.AllowDirect {
		return false
	}
	if m.Reply == "" {
		return true
	}
	a := directAnswer{st: st, send: func(out *nats.Msg) {
		out.Subject = m.Reply
		b.route(out)
	}}
	a.answer(m.Data, subject, hasSubject)
	return true
}

// directAnswer is the answer to one direct get.
type directAnswer struct {
	st   *streamState
	send func(*nats.Msg)
}

func (a *directAnswer) answer(body []byte, subject string, hasSubject bool) {
	var req directGet
	if len(body) > 0 && json.Unmarshal(body, &req) != nil {
		a.status("408", "Malformed Request")
		return
	}
	for what, set := range map[string]bool{"start_time": req.StartTime != nil, "up_to_time": req.UpToTime != nil, "no_hdr": req.NoHeaders} {
		if set {
			notImitated("the field " + what + " of a direct get")
		}
	}
	switch {
	case hasSubject && !req.isEmpty():
		a.status("408", "Bad Request")
	case hasSubject:
		a.last(subject)
	case req.isEmpty():
		a.status("408", "Empty Request")
	case req.contradicts():
		a.status("408", "Bad Request")
	case len(req.MultiLastFor) > 0:
		a.multiLast(req)
	case req.LastFor != "":
		a.last(req.LastFor)
	default:
		a.next(req)
	}
}

func (r directGet) isEmpty() bool {
	return r.Sequence == 0 && r.LastFor == "" && r.NextFor == "" && len(r.MultiLastFor) == 0
}

func (r directGet) contradicts() bool {
	last := r.LastFor != "" && (r.Sequence > 0 || r.NextFor != "" || r.Batch > 0 || len(r.MultiLastFor) > 0)
	return last || r.NextFor != "" && len(r.MultiLastFor) > 0
}

func (a *directAnswer) last(subject string) {
	if m := a.st.last(subject); m != nil {
		a.send(a.message(m))
		return
	}
	a.status("404", "Message Not Found")
}

// next answers with the message of a sequence, or for a batch or a subject with that and what follows.
func (a *directAnswer) next(req directGet) {
	filter := req.NextFor
	if filter == "" {
		filter = ">"
	}
	var found []*storedMsg
	for _, m := range a.st.from(req.Sequence) {
		if matches(filter, m.subject) {
			found = append(found, m)
		}
	}
	if req.Batch == 0 && req.NextFor == "" && len(found) > 0 && found[0].seq != req.Sequence || len(found) == 0 {
		a.status("404", "Message Not Found")
		return
	}
	if req.Batch == 0 {
		a.send(a.message(found[0]))
		return
	}
	last, left := a.batch(req, found)
	a.end(left, last, 0)
}

func (a *directAnswer) multiLast(req directGet) {
	upTo := req.UpToSequence
	if upTo == 0 {
		upTo = a.st.lastSeq
	}
	last := map[string]*storedMsg{}
	for _, m := range a.st.from(0) {
		if m.seq <= upTo && matchesAny(req.MultiLastFor, m.subject) {
			last[m.subject] = m
		}
	}
	if len(last) > maxDirectMulti {
		a.status("413", "Too Many Results")
		return
	}
	if len(last) == 0 {
		a.status("404", "No Results")
		return
	}
	var found []*storedMsg
	for _, m := range a.st.from(req.Sequence) {
		if last[m.subject] == m {
			found = append(found, m)
		}
	}
	seq, left := a.batch(req, found)
	a.end(left, seq, upTo)
}

// batch sends what the request takes and returns the last sequence and how many messages are left over.
func (a *directAnswer) batch(req directGet, found []*storedMsg) (last uint64, left int) {
	maxBytes := req.MaxBytes
	if maxBytes == 0 {
		maxBytes = maxDirectBytes
	}
	left = len(found)
	for i, m := range found {
		left--
		out := a.message(m)
		out.Header[jetstream.LastSequenceHeader] = append(out.Header[jetstream.LastSequenceHeader], strconv.FormatUint(last, 10))
		out.Header["Nats-Num-Pending"] = append(out.Header["Nats-Num-Pending"], strconv.Itoa(left))
		a.send(out)
		last = m.seq
		maxBytes -= int(m.size())
		if maxBytes <= 0 || req.Batch > 0 && i+1 >= req.Batch {
			break
		}
	}
	return last, left
}

// message is a stored message as an answer: what the server adds comes after what the message has.
func (a *directAnswer) message(m *storedMsg) *nats.Msg {
	h := copyHeader(m.header)
	if h == nil {
		h = nats.Header{}
	}
	for name, value := range map[string]string{
		jetstream.StreamHeader: a.st.cfg.Name, jetstream.SubjectHeader: m.subject,
		jetstream.SequenceHeader: strconv.FormatUint(m.seq, 10), jetstream.TimeStampHeaer: m.time.Format(time.RFC3339Nano),
	} {
		h[name] = append(h[name], value)
	}
	return &nats.Msg{Header: h, Data: slices.Clone(m.data)}
}

func (a *directAnswer) end(left int, last, upTo uint64) {
	out := &nats.Msg{Header: nats.Header{
		statusHeader: {"204"}, descriptionHeader: {"EOB"},
		"Nats-Num-Pending": {strconv.Itoa(left)}, jetstream.LastSequenceHeader: {strconv.FormatUint(last, 10)},
	}}
	if upTo > 0 {
		out.Header.Set("Nats-UpTo-Sequence", strconv.FormatUint(upTo, 10))
	}
	a.send(out)
}

const statusHeader = "Status"

func (a *directAnswer) status(code, description string) {
	a.send(&nats.Msg{Header: nats.Header{statusHeader: {code}, descriptionHeader: {description}}})
}
