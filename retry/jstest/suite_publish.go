package jstest

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var publishChecks = []check{
	{"publish counts sequences", func(s *suite) {
		s.orders()
		for want := uint64(1); want <= 3; want++ {
			ack, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", "x"))
			s.ok(err)
			equal(s, "stream", ack.Stream, "ORDERS")
			equal(s, "sequence", ack.Sequence, want)
			equal(s, "duplicate", ack.Duplicate, false)
		}
	}},
	{"publish keeps headers and data", func(s *suite) {
		st := s.orders()
		_, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", "data", "X-One", "1"))
		s.ok(err)
		m, err := st.GetMsg(s.ctx, 1)
		s.ok(err)
		equal(s, "data", string(m.Data), "data")
		equal(s, "header", m.Header.Get("X-One"), "1")
		equal(s, "subject", m.Subject, "orders.a")
	}},
	{"publish with a known message ID is a duplicate", func(s *suite) {
		st := s.orders()
		for i, id := range []string{"one", "two", "one"} {
			ack, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", id, jetstream.MsgIDHeader, id))
			s.ok(err)
			equal(s, "duplicate", ack.Duplicate, i == 2)
			equal(s, "sequence", ack.Sequence, uint64(i%2+1))
		}
		info, err := st.Info(s.ctx)
		s.ok(err)
		equal(s, "stored", info.State.Msgs, 2)
	}},
	{"publish with a message ID again after the duplicate window", func(s *suite) {
		s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, Duplicates: 100 * time.Millisecond})
		s.eventually("the ID is forgotten", func() bool {
			ack, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", "x", jetstream.MsgIDHeader, "one"))
			s.ok(err)
			return ack.Sequence == 2 && !ack.Duplicate
		})
	}},
	{"publish without a stream", func(s *suite) {
		_, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", "x"))
		s.is(err, jetstream.ErrNoStreamResponse)
		s.orders()
		s.publish("orders.a", "x")
	}},
	{"publish where only a subscriber listens", func(s *suite) {
		got := s.collect("orders.a")
		ctx, cancel := context.WithTimeout(s.ctx, moment)
		defer cancel()
		_, err := s.JetStream.PublishMsg(ctx, msg("orders.a", "x"))
		s.is(err, context.DeadlineExceeded)
		equal(s, "delivered", string(receive(s, "message", got).Data), "x")
	}},
	{"publish with a canceled context", func(s *suite) {
		s.orders()
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		_, err := s.JetStream.PublishMsg(ctx, msg("orders.a", "x"))
		s.is(err, context.Canceled)
	}},
	{"publish reaches subscribers and the stream", func(s *suite) {
		st := s.orders()
		got := s.collect("orders.*")
		s.publish("orders.a", "one")
		equal(s, "delivered", string(receive(s, "message", got).Data), "one")
		s.ok(s.Transport.Publish(msg("orders.b", "two")))
		equal(s, "delivered", string(receive(s, "message", got).Data), "two")
		s.eventually("the stream has both", func() bool {
			info, err := st.Info(s.ctx)
			s.ok(err)
			return info.State.Msgs == 2
		})
	}},
	{"request to a stream's subject is acknowledged", func(s *suite) {
		s.orders()
		reply, err := s.Transport.Request(s.ctx, msg("orders.a", "x"))
		s.ok(err)
		var ack jetstream.PubAck
		s.ok(json.Unmarshal(reply.Data, &ack))
		equal(s, "sequence", ack.Sequence, 1)
		equal(s, "stream", ack.Stream, "ORDERS")
	}},
	{"publish more than the broker takes", func(s *suite) {
		s.orders()
		big := strings.Repeat("x", maxPayload+1)
		_, err := s.JetStream.PublishMsg(s.ctx, msg("orders.a", big))
		s.is(err, nats.ErrMaxPayload)
		s.is(s.Transport.Publish(msg("orders.a", big)), nats.ErrMaxPayload)
		_, err = s.JetStream.PublishMsg(s.ctx, &nats.Msg{Subject: "orders.a", Data: []byte(big[1:])})
		s.ok(err)
	}},
	{"publish more than the stream takes", func(s *suite) {
		s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgSize: 10})
		_, err := s.JetStream.Publish(s.ctx, "orders.a", []byte("0123456789x"))
		s.is(err, jetstream.ErrStreamMessageExceedsMaximum)
	}},
	{"publish to a full stream that refuses new messages", func(s *suite) {
		s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgs: 1, Discard: jetstream.DiscardNew})
		s.publish("orders.a", "x")
		_, err := s.JetStream.Publish(s.ctx, "orders.a", []byte("y"))
		s.code(err, 10077)
	}},
	{"publish to a bad subject", func(s *suite) {
		_, err := s.JetStream.PublishMsg(s.ctx, msg("", "x"))
		s.is(err, nats.ErrBadSubject)
		s.is(s.Transport.Publish(msg("", "x")), nats.ErrBadSubject)
	}},
}
