package jstest

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

var streamChecks = []check{
	{"stream names", func(s *suite) {
		for name, want := range map[string]error{
			"MISSING": jetstream.ErrStreamNotFound, "": jetstream.ErrStreamNameRequired,
			"A.B": jetstream.ErrInvalidStreamName, "A B": jetstream.ErrInvalidStreamName, "A*": jetstream.ErrInvalidStreamName,
		} {
			_, err := s.JetStream.Stream(s.ctx, name)
			s.is(err, want)
			s.is(s.JetStream.DeleteStream(s.ctx, name), want)
		}
	}},
	{"stream created twice", func(s *suite) {
		s.orders()
		s.orders()
		_, err := s.JetStream.CreateStream(s.ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"other.>"}})
		s.is(err, jetstream.ErrStreamNameAlreadyInUse)
	}},
	{"stream with subjects of another", func(s *suite) {
		s.orders()
		for _, subject := range []string{"orders.a", "orders.*.a", "orders.>"} {
			_, err := s.JetStream.CreateStream(s.ctx, jetstream.StreamConfig{Name: "OTHER", Subjects: []string{subject}})
			s.code(err, 10065)
		}
		s.stream(jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"orders", "other.*"}})
	}},
	{"stream creation is announced", func(s *suite) {
		got := s.collect("$JS.EVENT.ADVISORY.STREAM.CREATED.ORDERS")
		s.orders()
		receive(s, "advisory", got)
	}},
	{"stream updated", func(s *suite) {
		_, err := s.JetStream.UpdateStream(s.ctx, jetstream.StreamConfig{Name: "ORDERS"})
		s.is(err, jetstream.ErrStreamNotFound)
		s.orders()
		_, err = s.JetStream.CreateOrUpdateStream(s.ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>", "more.>"}})
		s.ok(err)
		s.publish("more.a", "x")
	}},
	{"stream deleted", func(s *suite) {
		st := s.orders()
		s.publish("orders.a", "x", "y")
		s.ok(s.JetStream.DeleteStream(s.ctx, "ORDERS"))
		_, err := st.Info(s.ctx)
		s.is(err, jetstream.ErrStreamNotFound)
		_, err = s.JetStream.PublishMsg(s.ctx, msg("orders.a", "x"))
		s.is(err, jetstream.ErrNoStreamResponse)

		old := st.CachedInfo().Created
		again := s.orders()
		for tries := 0; again.CachedInfo().State.LastSeq > 0 && tries < 100; tries++ { // a server may take up the files of a stream that it is just deleting
			s.ok(s.JetStream.DeleteStream(s.ctx, "ORDERS"))
			again = s.orders()
		}
		equal(s, "created later", again.CachedInfo().Created.After(old), true)
		equal(s, "last sequence", again.CachedInfo().State.LastSeq, 0)
		s.publish("orders.a", "z")
		info, err := st.Info(s.ctx)
		s.ok(err)
		equal(s, "the old handle sees the new stream", info.State.LastSeq, 1)
	}},
	{"stream state", func(s *suite) {
		st := s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgsPerSubject: 1})
		info, err := st.Info(s.ctx)
		s.ok(err)
		equal(s, "messages", info.State.Msgs, 0)
		equal(s, "last sequence", info.State.LastSeq, 0)
		s.publish("orders.a", "1")
		s.publish("orders.b", "2")
		s.publish("orders.a", "3")
		s.publish("orders.c", "4")
		info, err = st.Info(s.ctx)
		s.ok(err)
		equal(s, "messages", info.State.Msgs, 3)
		equal(s, "first sequence", info.State.FirstSeq, 2)
		equal(s, "last sequence", info.State.LastSeq, 4)
		equal(s, "subjects", info.State.NumSubjects, 3)
		equal(s, "holes", info.State.NumDeleted, 0)
		equal(s, "max msgs", info.Config.MaxMsgs, -1)
		equal(s, "duplicates", info.Config.Duplicates, 2*time.Minute)
	}},
	{"stream messages counted by subject", func(s *suite) {
		st := s.orders()
		s.publish("orders.a", "1", "2")
		s.publish("orders.b", "3")
		for filter, want := range map[string]map[string]uint64{
			"orders.a": {"orders.a": 2}, "orders.*": {"orders.a": 2, "orders.b": 1}, "orders.c": {}, "elsewhere": {},
		} {
			info, err := st.Info(s.ctx, jetstream.WithSubjectFilter(filter))
			s.ok(err)
			equal(s, "subjects of "+filter, fmt.Sprint(info.State.Subjects), fmt.Sprint(want))
			equal(s, "messages, of all subjects", info.State.Msgs, 3)
			equal(s, "kept subjects", len(st.CachedInfo().State.Subjects), 0)
		}
	}},
	{"stream messages by sequence and subject", func(s *suite) {
		st := s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgsPerSubject: 2})
		s.publish("orders.a", "1", "2", "3")
		s.publish("orders.b", "4")
		_, err := st.GetMsg(s.ctx, 1)
		s.is(err, jetstream.ErrMsgNotFound)
		_, err = st.GetMsg(s.ctx, 99)
		s.is(err, jetstream.ErrMsgNotFound)
		_, err = st.GetLastMsgForSubject(s.ctx, "orders.c")
		s.is(err, jetstream.ErrMsgNotFound)
		for subject, want := range map[string]string{"orders.a": "3", "orders.b": "4", "orders.>": "4"} {
			m, err := st.GetLastMsgForSubject(s.ctx, subject)
			s.ok(err)
			equal(s, subject, string(m.Data), want)
		}
	}},
	{"stream drops its oldest messages at its limits", func(s *suite) {
		st := s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgs: 2})
		s.publish("orders.a", "1", "2", "3")
		info, err := st.Info(s.ctx)
		s.ok(err)
		equal(s, "messages", info.State.Msgs, 2)
		equal(s, "first sequence", info.State.FirstSeq, 2)
	}},
	{"stream drops old messages", func(s *suite) {
		st := s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxAge: 100 * time.Millisecond})
		s.publish("orders.a", "1")
		s.eventually("the message is gone", func() bool {
			info, err := st.Info(s.ctx)
			s.ok(err)
			return info.State.Msgs == 0 && info.State.LastSeq == 1
		})
	}},
	{"stream purged", func(s *suite) {
		st := s.orders()
		s.publish("orders.a", "1", "2", "3")
		s.publish("orders.b", "4")
		s.ok(st.Purge(s.ctx, jetstream.WithPurgeSubject("orders.a"), jetstream.WithPurgeKeep(1)))
		_, err := st.GetMsg(s.ctx, 2)
		s.is(err, jetstream.ErrMsgNotFound)
		for _, seq := range []uint64{3, 4} {
			_, err = st.GetMsg(s.ctx, seq)
			s.ok(err)
		}
		s.ok(st.Purge(s.ctx))
		info, err := st.Info(s.ctx)
		s.ok(err)
		equal(s, "messages", info.State.Msgs, 0)
		equal(s, "first sequence", info.State.FirstSeq, 5)
	}},
}
