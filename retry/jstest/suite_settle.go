package jstest

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// brief is an ack wait short enough to wait for, and long enough for a loaded machine to settle in time where it matters.
const brief = 500 * time.Millisecond

var settleChecks = []check{
	{"unsettled message comes again after the ack wait", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		c := s.consume(jetstream.ConsumerConfig{AckWait: brief})
		s.next(c, "1")
		again := s.next(c, "1")
		meta, err := again.Metadata()
		s.ok(err)
		equal(s, "delivered", meta.NumDelivered, 2)
		equal(s, "sequences", meta.Sequence, jetstream.SequencePair{Stream: 1, Consumer: 2})
		s.ok(again.DoubleAck(s.ctx))
		equal(s, "to settle", s.consumerInfo().NumAckPending, 0)
	}},
	{"late ack of an earlier delivery counts", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		c := s.consume(jetstream.ConsumerConfig{AckWait: brief})
		first := s.next(c, "1")
		s.next(c, "1")
		s.ok(first.DoubleAck(s.ctx))
		equal(s, "to settle", s.consumerInfo().NumAckPending, 0)
	}},
	{"nak brings the message at once", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		c := s.consume(jetstream.ConsumerConfig{AckWait: 2 * patience})
		s.ok(s.next(c, "1").Nak())
		s.ackNext(c, "1")
	}},
	{"nak with delay lets others go first", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2")
		c := s.consume(jetstream.ConsumerConfig{})
		s.ok(s.next(c, "1").NakWithDelay(2 * time.Second))
		s.ackNext(c, "2", "1")
	}},
	{"term ends a message", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2")
		c := s.consume(jetstream.ConsumerConfig{AckWait: brief})
		s.ok(s.next(c, "1").TermWithReason("unreadable"))
		s.next(c, "2")
		s.ackNext(c, "2")
		s.eventually("nothing is left", func() bool { return s.consumerInfo().NumAckPending == 0 })
	}},
	{"message is settled once", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		m := s.next(s.consume(jetstream.ConsumerConfig{}), "1")
		s.ok(m.InProgress())
		s.ok(m.Ack())
		s.is(m.Ack(), jetstream.ErrMsgAlreadyAckd)
		s.is(m.Nak(), jetstream.ErrMsgAlreadyAckd)
		s.is(m.InProgress(), jetstream.ErrMsgAlreadyAckd)
		s.is(m.DoubleAck(s.ctx), jetstream.ErrMsgAlreadyAckd)
	}},
	{"in progress puts the redelivery off", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2")
		c := s.consume(jetstream.ConsumerConfig{AckWait: 4 * brief})
		first := s.next(c, "1")
		s.next(c, "2")
		again := make(chan jetstream.Msg, 1)
		go func() {
			m, _ := s.pull(c, jetstream.NextContext(s.ctx))
			again <- m
		}()
		s.eventually("the other comes again while the first is in progress", func() bool {
			s.ok(first.InProgress())
			select {
			case m := <-again:
				equal(s, "redelivered", string(m.Data()), "2")
				s.ok(m.Ack())
				return true
			default:
				return false
			}
		})
		s.ackNext(c, "1")
	}},
	{"messages wait while too many are unsettled", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2")
		c := s.consume(jetstream.ConsumerConfig{MaxAckPending: 1})
		m := s.next(c, "1")
		s.nothing(c)
		s.ok(m.Ack())
		s.ackNext(c, "2")
	}},
	{"message is delivered as often as it may be", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1")
		c := s.consume(jetstream.ConsumerConfig{AckWait: brief, MaxDeliver: 2})
		s.next(c, "1")
		s.next(c, "1")
		s.publish("orders.a", "2")
		s.ackNext(c, "2")
		_, err := s.pull(c, jetstream.NextMaxWait(2*brief))
		s.is(err, nats.ErrTimeout)
	}},
	{"superseded message does not come again", func(s *suite) {
		s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgsPerSubject: 1})
		s.publish("orders.a", "1")
		c := s.consume(jetstream.ConsumerConfig{AckWait: brief})
		m := s.next(c, "1")
		s.publish("orders.a", "2")
		s.ok(m.Nak())
		s.next(c, "2")
		s.ackNext(c, "2")
	}},
}
