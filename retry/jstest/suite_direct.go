package jstest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const settingsGet = directGetPrefix + "KV_settings"

// answer describes one answer to a direct get in a word: "key=value@sequence", or "status" with what is left over.
func (s *suite) answer(m *nats.Msg) string {
	s.Helper()
	last := func(name string) string {
		values := m.Header[name]
		if len(values) == 0 {
			return ""
		}
		return values[len(values)-1]
	}
	if last(jetstream.SequenceHeader) == "" {
		parts := []string{last(statusHeader), last("Nats-Num-Pending"), last(jetstream.LastSequenceHeader), last("Nats-UpTo-Sequence")}
		return strings.TrimRight(strings.Join(parts, " "), " ")
	}
	at, err := time.Parse(time.RFC3339Nano, last(jetstream.TimeStampHeaer))
	s.ok(err)
	if d := time.Since(at); d < -time.Minute || d > time.Hour {
		s.Errorf("time stamp %s", at)
	}
	equal(s, "stream", last(jetstream.StreamHeader), "KV_settings")
	key := strings.TrimPrefix(last(jetstream.SubjectHeader), "$KV.settings.")
	return key + "=" + string(m.Data) + "@" + last(jetstream.SequenceHeader)
}

// direct sends a direct get with one answer.
func (s *suite) direct(subject, body, want string) {
	s.Helper()
	reply, err := s.Transport.Request(s.ctx, msg(subject, body))
	s.ok(err)
	equal(s, subject+" "+body, s.answer(reply), want)
}

// directBatch sends a direct get with many answers, the last of which has a status.
func (s *suite) directBatch(body string, want ...string) {
	s.Helper()
	var got []string
	for m, err := range s.Transport.RequestMany(s.ctx, msg(settingsGet, body)) {
		s.ok(err)
		got = append(got, s.answer(m))
		if m.Header.Get(jetstream.SequenceHeader) == "" {
			break
		}
	}
	equalSlices(s, body, got, want)
}

// settings is the bucket of these checks: a.1 has two revisions, a.2 one, b two and c is deleted.
func (s *suite) settings() {
	s.Helper()
	kv := s.bucket(5)
	for _, pair := range []string{"a.1 old", "b old", "a.1 x", "a.2 y", "b z", "c w"} {
		key, value, _ := strings.Cut(pair, " ")
		s.put(kv, key, value)
	}
	s.ok(kv.Delete(s.ctx, "c"))
}

var directChecks = []check{
	{"direct get of a bucket that is missing", func(s *suite) {
		_, err := s.Transport.Request(s.ctx, msg(settingsGet, `{"last_by_subj":"$KV.settings.a"}`))
		s.is(err, nats.ErrNoResponders)
		s.is(s.lastErrorOf(settingsGet, `{"multi_last":["$KV.settings.a"]}`), nats.ErrNoResponders)
	}},
	{"direct get of one message", func(s *suite) {
		s.settings()
		for body, want := range map[string]string{
			`{"last_by_subj":"$KV.settings.a.1"}`:          "a.1=x@3",
			`{"last_by_subj":"$KV.settings.c"}`:            "c=@7",
			`{"last_by_subj":"$KV.settings.none"}`:         "404",
			`{"last_by_subj":"$KV.settings.a.*"}`:          "a.2=y@4",
			`{"last_by_subj":"$KV.settings.>"}`:            "c=@7",
			`{"seq":2}`:                                    "b=old@2",
			`{"seq":99}`:                                   "404",
			`{"seq":1,"next_by_subj":"$KV.settings.b"}`:    "b=old@2",
			`{"seq":3,"next_by_subj":"$KV.settings.b"}`:    "b=z@5",
			`{"seq":6,"next_by_subj":"$KV.settings.b"}`:    "404",
			`{"next_by_subj":"$KV.settings.a.*"}`:          "a.1=old@1",
			`{}`:                                           "408",
			``:                                             "408",
			`{"unknown":["$KV.settings.a"]}`:               "408",
			`not json`:                                     "408",
			`{"seq":1,"last_by_subj":"$KV.settings.b"}`:    "408",
			`{"batch":2,"last_by_subj":"$KV.settings.b"}`:  "408",
			`{"multi_last":["a"],"next_by_subj":"a"}`:      "408",
			`{"multi_last":["$KV.settings.none"]}`:         "404",
			`{"seq":9,"next_by_subj":">","batch":2}`:       "404",
			`{"last_by_subj":"$KV.settings.a.1","seq":0 }`: "a.1=x@3",
		} {
			s.direct(settingsGet, body, want)
		}
		s.direct(settingsGet+".$KV.settings.a.1", "", "a.1=x@3")
		s.direct(settingsGet+".$KV.settings.none", "", "404")
		s.direct(settingsGet+".$KV.settings.b", `{"seq":1}`, "408")
		reply, err := s.Transport.Request(s.ctx, msg(settingsGet, `{"last_by_subj":"$KV.settings.c"}`))
		s.ok(err)
		equal(s, "operation", reply.Header.Get("KV-Operation"), "DEL")
	}},
	{"direct get of the last of many", func(s *suite) {
		s.settings()
		s.directBatch(`{"multi_last":["$KV.settings.a.*","$KV.settings.b","$KV.settings.none"]}`, "a.1=x@3", "a.2=y@4", "b=z@5", "204 0 5 7")
		s.directBatch(`{"multi_last":["$KV.settings.>","$KV.settings.b"]}`, "a.1=x@3", "a.2=y@4", "b=z@5", "c=@7", "204 0 7 7")
		s.directBatch(`{"multi_last":["$KV.settings.>"],"batch":2}`, "a.1=x@3", "a.2=y@4", "204 2 4 7")
		s.directBatch(`{"multi_last":["$KV.settings.>"],"batch":2,"seq":5}`, "b=z@5", "c=@7", "204 0 7 7")
		s.directBatch(`{"multi_last":["$KV.settings.>"],"up_to_seq":4}`, "b=old@2", "a.1=x@3", "a.2=y@4", "204 0 4 4")
		s.directBatch(`{"multi_last":["$KV.settings.>"],"seq":8}`, "204 0 0 7")
		s.directBatch(`{"multi_last":["$KV.settings.>"],"max_bytes":1}`, "a.1=x@3", "204 3 3 7")
	}},
	{"direct get along the sequences", func(s *suite) {
		s.settings()
		s.directBatch(`{"seq":1,"next_by_subj":"$KV.settings.b","batch":9}`, "b=old@2", "b=z@5", "204 0 5")
		s.directBatch(`{"seq":1,"next_by_subj":"$KV.settings.>","batch":2}`, "a.1=old@1", "b=old@2", "204 5 2")
		s.directBatch(`{"seq":6,"batch":9}`, "c=w@6", "c=@7", "204 0 7")
		s.directBatch(`{"seq":3,"next_by_subj":"$KV.settings.>","batch":9,"max_bytes":1}`, "a.1=x@3", "204 4 3")
	}},
	{"direct get of more than 1,024 keys", func(s *suite) {
		s.bucket(1)
		for i := range maxDirectMulti + 1 {
			s.ok(s.Transport.Publish(msg("$KV.settings.k"+strconv.Itoa(i), "")))
		}
		s.eventually("all are stored", func() bool {
			st, err := s.JetStream.Stream(s.ctx, "KV_settings")
			s.ok(err)
			return st.CachedInfo().State.Msgs == maxDirectMulti+1
		})
		s.directBatch(`{"multi_last":["$KV.settings.>"],"batch":5}`, "413")
		s.directBatch(`{"multi_last":["$KV.settings.k1","$KV.settings.k20"],"batch":1}`, "k1=@2", "204 1 2 1025")
	}},
	{"direct get appends to the headers of a message", func(s *suite) {
		s.bucket(1)
		_, err := s.JetStream.PublishMsg(s.ctx, msg("$KV.settings.a", "x", jetstream.SequenceHeader, "99", jetstream.SubjectHeader, "other"))
		s.ok(err)
		reply, err := s.Transport.Request(s.ctx, msg(settingsGet, `{"last_by_subj":"$KV.settings.a"}`))
		s.ok(err)
		equal(s, "answer", s.answer(reply), "a=x@1")
		equalSlices(s, "sequences", reply.Header[jetstream.SequenceHeader], []string{"99", "1"})
	}},
	{"direct get of a stream that does not allow it", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		body, err := json.Marshal(map[string]string{"last_by_subj": "orders.a"})
		s.ok(err)
		_, err = s.Transport.Request(s.ctx, msg(directGetPrefix+"ORDERS", string(body)))
		s.is(err, nats.ErrNoResponders)
	}},
}

func (s *suite) lastErrorOf(subject, body string) (last error) {
	for _, err := range s.Transport.RequestMany(s.ctx, msg(subject, body)) {
		last = err
	}
	return last
}
