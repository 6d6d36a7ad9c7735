package jstest

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const defaultDuplicates = 2 * time.Minute

// streamState is a stream inside the broker. Everything here runs under the broker's lock.
type streamState struct {
	cfg       jetstream.StreamConfig
	created   time.Time
	msgs      []*storedMsg // by sequence
	bytes     int64
	lastSeq   uint64
	lastTime  time.Time
	published map[string]publishedMsg // by Nats-Msg-Id
	consumers map[string]*consumerState
	deleted   bool
}

type storedMsg struct {
	seq     uint64
	time    time.Time
	subject string
	header  nats.Header
	data    []byte
}

type publishedMsg struct {
	seq uint64
	at  time.Time
}

func newStreamState(cfg jetstream.StreamConfig) *streamState {
	return &streamState{
		cfg: cfg, created: time.Now().UTC(),
		published: map[string]publishedMsg{}, consumers: map[string]*consumerState{},
	}
}

func (m *storedMsg) size() int64 {
	n := &nats.Msg{Subject: m.subject, Header: m.header, Data: m.data}
	return int64(n.Size())
}

func (m *storedMsg) raw() *jetstream.RawStreamMsg {
	return &jetstream.RawStreamMsg{
		Subject: m.subject, Sequence: m.seq, Header: copyHeader(m.header), Data: slices.Clone(m.data), Time: m.time,
	}
}

// store takes m in and answers as the server does: with where it is, or with an API error.
func (st *streamState) store(m *nats.Msg) (*jetstream.PubAck, *jetstream.APIError) {
	now := time.Now().UTC()
	st.expire(now)
	if seq, ok := st.duplicate(m, now); ok {
		return &jetstream.PubAck{Stream: st.cfg.Name, Sequence: seq, Duplicate: true}, nil
	}
	stored := &storedMsg{seq: st.lastSeq + 1, time: now, subject: m.Subject, header: copyHeader(m.Header), data: slices.Clone(m.Data)}
	if err := st.refuse(stored); err != nil {
		return nil, err
	}
	if m.Header.Get(jetstream.MsgRollup) == jetstream.MsgRollupSubject {
		st.remove(func(old *storedMsg) bool { return old.subject == m.Subject })
	}
	st.msgs = append(st.msgs, stored)
	st.bytes += stored.size()
	st.lastSeq, st.lastTime = stored.seq, now
	if id := m.Header.Get(jetstream.MsgIDHeader); id != "" {
		st.published[id] = publishedMsg{seq: stored.seq, at: now}
	}
	st.enforceLimits(m.Subject)
	return &jetstream.PubAck{Stream: st.cfg.Name, Sequence: stored.seq}, nil
}

func (st *streamState) duplicate(m *nats.Msg, now time.Time) (seq uint64, ok bool) {
	p, ok := st.published[m.Header.Get(jetstream.MsgIDHeader)]
	return p.seq, ok && now.Sub(p.at) < st.cfg.Duplicates
}

func (st *streamState) refuse(m *storedMsg) *jetstream.APIError {
	if limit := st.cfg.MaxMsgSize; limit > 0 && len(m.data) > int(limit) {
		return &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamMessageExceedsMaximum, Description: "message size exceeds maximum allowed"}
	}
	if want := m.header.Get(jetstream.ExpectedLastSubjSeqHeader); want != "" {
		if have := strconv.FormatUint(st.lastSeqOf(m.subject), 10); have != want {
			return &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence, Description: "wrong last sequence: " + have}
		}
	}
	if st.cfg.Discard != jetstream.DiscardNew {
		return nil
	}
	const storeFailed jetstream.ErrorCode = 10077
	if limit := st.cfg.MaxMsgs; limit > 0 && int64(len(st.msgs)) >= limit {
		return &jetstream.APIError{Code: 503, ErrorCode: storeFailed, Description: "maximum messages exceeded"}
	}
	if limit := st.cfg.MaxBytes; limit > 0 && st.bytes+m.size() > limit {
		return &jetstream.APIError{Code: 503, ErrorCode: storeFailed, Description: "maximum bytes exceeded"}
	}
	return nil
}

func (st *streamState) enforceLimits(subject string) {
	if limit := st.cfg.MaxMsgsPerSubject; limit > 0 {
		var same int64
		for _, m := range st.msgs {
			if m.subject == subject {
				same++
			}
		}
		st.remove(func(m *storedMsg) bool {
			over := m.subject == subject && same > limit
			if over {
				same--
			}
			return over
		})
	}
	for st.cfg.MaxMsgs > 0 && int64(len(st.msgs)) > st.cfg.MaxMsgs || st.cfg.MaxBytes > 0 && st.bytes > st.cfg.MaxBytes {
		oldest := st.msgs[0]
		st.remove(func(m *storedMsg) bool { return m == oldest })
	}
}

// expire removes what is older than the stream keeps. It runs before every look at the messages.
func (st *streamState) expire(now time.Time) {
	if age := st.cfg.MaxAge; age > 0 && len(st.msgs) > 0 && now.Sub(st.msgs[0].time) >= age {
		st.remove(func(m *storedMsg) bool { return now.Sub(m.time) >= age })
	}
}

func (st *streamState) remove(drop func(*storedMsg) bool) {
	st.msgs = slices.DeleteFunc(st.msgs, func(m *storedMsg) bool {
		gone := drop(m)
		if gone {
			st.bytes -= m.size()
		}
		return gone
	})
}

// from returns the messages with this sequence and above.
func (st *streamState) from(seq uint64) []*storedMsg {
	st.expire(time.Now())
	i, _ := slices.BinarySearchFunc(st.msgs, seq, func(m *storedMsg, seq uint64) int { return cmp.Compare(m.seq, seq) })
	return st.msgs[i:]
}

func (st *streamState) find(seq uint64) *storedMsg {
	if rest := st.from(seq); len(rest) > 0 && rest[0].seq == seq {
		return rest[0]
	}
	return nil
}

// last returns the newest message of a subject, which may have wildcards.
func (st *streamState) last(subject string) *storedMsg {
	for _, m := range slices.Backward(st.from(0)) {
		if matches(subject, m.subject) {
			return m
		}
	}
	return nil
}

func (st *streamState) lastSeqOf(subject string) uint64 {
	if m := st.last(subject); m != nil {
		return m.seq
	}
	return 0
}

func (st *streamState) info() *jetstream.StreamInfo {
	st.expire(time.Now())
	state := jetstream.StreamState{
		Msgs: uint64(len(st.msgs)), Bytes: uint64(st.bytes), FirstSeq: st.lastSeq + 1, LastSeq: st.lastSeq, LastTime: st.lastTime,
		Consumers: len(st.consumers),
	}
	if len(st.msgs) > 0 {
		state.FirstSeq, state.FirstTime = st.msgs[0].seq, st.msgs[0].time
		state.NumDeleted = int(st.lastSeq-state.FirstSeq+1) - len(st.msgs)
	}
	state.NumSubjects = uint64(len(st.subjects(">")))
	return &jetstream.StreamInfo{Config: st.cfg, Created: st.created, State: state, TimeStamp: time.Now().UTC()}
}

// subjects counts the messages of each subject that the filter lets pass.
func (st *streamState) subjects(filter string) map[string]uint64 {
	counts := map[string]uint64{}
	for _, m := range st.msgs {
		if filter == ">" || matches(filter, m.subject) {
			counts[m.subject]++
		}
	}
	return counts
}

// purge follows the server: a subject, and below a sequence or all but the newest keep.
func (st *streamState) purge(req jetstream.StreamPurgeRequest) {
	hit := func(m *storedMsg) bool {
		return (req.Subject == "" || matches(req.Subject, m.subject)) && (req.Sequence == 0 || m.seq < req.Sequence)
	}
	var total uint64
	for _, m := range st.from(0) {
		if hit(m) {
			total++
		}
	}
	st.remove(func(m *storedMsg) bool {
		if !hit(m) || total <= req.Keep {
			return false
		}
		total--
		return true
	})
}
