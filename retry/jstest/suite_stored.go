package jstest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const storedSettings = storedGetPrefix + "KV_settings"

// leaderRead describes the leader's answer in a word: "key=value@sequence", or the code of its error.
func (s *suite) leaderRead(body string) (word string, header nats.Header) {
	s.Helper()
	reply, err := s.Transport.Request(s.ctx, msg(storedSettings, body))
	s.ok(err)
	var got storedReply
	s.ok(json.Unmarshal(reply.Data, &got))
	equal(s, "type", got.Type, "io.nats.jetstream.api.v1.stream_msg_get_response")
	if got.Error != nil {
		return strconv.Itoa(got.Error.Code) + " " + strconv.Itoa(int(got.Error.ErrorCode)), nil
	}
	if d := time.Since(got.Message.Time); d < -time.Minute || d > time.Hour {
		s.Errorf("time stamp %s", got.Message.Time)
	}
	if len(got.Message.Header) > 0 {
		header, err = nats.DecodeHeadersMsg(got.Message.Header)
		s.ok(err)
	}
	key := strings.TrimPrefix(got.Message.Subject, "$KV.settings.")
	return key + "=" + string(got.Message.Data) + "@" + strconv.FormatUint(got.Message.Sequence, 10), header
}

var storedChecks = []check{
	{"stored message of a bucket that is missing", func(s *suite) {
		word, _ := s.leaderRead(`{"last_by_subj":"$KV.settings.a"}`)
		equal(s, "answer", word, "404 10059")
	}},
	{"stored message from the leader", func(s *suite) {
		s.settings()
		for body, want := range map[string]string{
			`{"last_by_subj":"$KV.settings.a.1"}`:         "a.1=x@3",
			`{"last_by_subj":"$KV.settings.c"}`:           "c=@7",
			`{"last_by_subj":"$KV.settings.none"}`:        "404 10037",
			`{"last_by_subj":"$KV.settings.a.*"}`:         "a.2=y@4",
			`{"seq":2}`:                                   "b=old@2",
			`{"seq":99}`:                                  "404 10037",
			`{"seq":3,"next_by_subj":"$KV.settings.b"}`:   "b=z@5",
			`{"seq":6,"next_by_subj":"$KV.settings.b"}`:   "404 10037",
			`{"next_by_subj":"$KV.settings.a.*"}`:         "a.1=old@1",
			`{}`:                                          "400 10003",
			``:                                            "400 10003",
			`{"unknown":["$KV.settings.a"]}`:              "400 10025",
			`not json`:                                    "400 10025",
			`{"seq":1,"last_by_subj":"$KV.settings.b"}`:   "400 10003",
			`{"batch":2,"last_by_subj":"$KV.settings.b"}`: "400 10003",
			`{"last_by_subj":"a","next_by_subj":"a"}`:     "400 10003",
			`{"last_by_subj":"$KV.settings.b","x":1}`:     "400 10025",
			`{"last_by_subj":"$KV.settings.b","seq":0}`:   "b=z@5",
		} {
			word, _ := s.leaderRead(body)
			equal(s, body, word, want)
		}
	}},
	{"stored message keeps its headers", func(s *suite) {
		s.settings()
		_, err := s.JetStream.PublishMsg(s.ctx, msg("$KV.settings.h", "v", "X-One", "1", jetstream.SequenceHeader, "99"))
		s.ok(err)
		word, header := s.leaderRead(`{"last_by_subj":"$KV.settings.h"}`)
		equal(s, "answer", word, "h=v@8")
		equal(s, "header", header.Get("X-One"), "1")
		equalSlices(s, "sequences", header[jetstream.SequenceHeader], []string{"99"})
		_, header = s.leaderRead(`{"last_by_subj":"$KV.settings.c"}`)
		equal(s, "operation", header.Get("KV-Operation"), "DEL")
		_, header = s.leaderRead(`{"last_by_subj":"$KV.settings.b"}`)
		equal(s, "headers of a plain put", len(header), 0)
	}},
}
