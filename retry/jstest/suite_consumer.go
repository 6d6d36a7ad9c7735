package jstest

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// consume makes a durable consumer named C on ORDERS.
func (s *suite) consume(cfg jetstream.ConsumerConfig) jetstream.Consumer {
	s.Helper()
	cfg.Durable = "C"
	c, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", cfg)
	s.ok(err)
	return c
}

// messages pulls one message at a time, as the fake does.
func (s *suite) messages(c jetstream.Consumer) jetstream.MessagesContext {
	s.Helper()
	it, err := c.Messages(jetstream.PullMaxMessages(1))
	s.ok(err)
	s.Cleanup(it.Stop)
	return it
}

// pull takes one message with an iterator of its own. In nats.go v1.55 a second Next on an iterator that pulls single
// messages may come while its first pull still counts as being sent; then it sends none, and waits 30 s for heartbeats.
func (s *suite) pull(c jetstream.Consumer, opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	s.Helper()
	it := s.messages(c)
	defer it.Stop()
	return it.Next(opts...)
}

// next checks the data of the next message.
func (s *suite) next(c jetstream.Consumer, want string) jetstream.Msg {
	s.Helper()
	m, err := s.pull(c, jetstream.NextContext(s.ctx))
	s.ok(err)
	equal(s, "next message", string(m.Data()), want)
	return m
}

func (s *suite) ackNext(c jetstream.Consumer, want ...string) {
	s.Helper()
	for _, w := range want {
		s.ok(s.next(c, w).Ack())
	}
}

func (s *suite) nothing(c jetstream.Consumer) {
	s.Helper()
	_, err := s.pull(c, jetstream.NextMaxWait(moment))
	s.is(err, nats.ErrTimeout)
}

func (s *suite) consumerInfo() *jetstream.ConsumerInfo {
	s.Helper()
	c, err := s.JetStream.Consumer(s.ctx, "ORDERS", "C")
	s.ok(err)
	return c.CachedInfo()
}

var consumerChecks = []check{
	{"consumer names", func(s *suite) {
		_, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "C"})
		s.is(err, jetstream.ErrStreamNotFound)
		_, err = s.JetStream.Consumer(s.ctx, "ORDERS", "C")
		s.is(err, jetstream.ErrStreamNotFound)
		_, err = s.JetStream.CreateOrUpdateConsumer(s.ctx, "A.B", jetstream.ConsumerConfig{Durable: "C"})
		s.is(err, jetstream.ErrInvalidStreamName)
		s.orders()
		_, err = s.JetStream.Consumer(s.ctx, "ORDERS", "C")
		s.is(err, jetstream.ErrConsumerNotFound)
		_, err = s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "a.b"})
		s.is(err, jetstream.ErrInvalidConsumerName)
		s.is(s.JetStream.DeleteConsumer(s.ctx, "ORDERS", "C"), jetstream.ErrConsumerNotFound)
	}},
	{"consumer created or updated by name", func(s *suite) {
		s.orders()
		cfg := jetstream.ConsumerConfig{Durable: "C"}
		_, err := s.JetStream.UpdateConsumer(s.ctx, "ORDERS", cfg)
		s.is(err, jetstream.ErrConsumerDoesNotExist)
		for range 2 {
			_, err = s.JetStream.CreateConsumer(s.ctx, "ORDERS", cfg)
			s.ok(err)
		}
		cfg.FilterSubject = "orders.a"
		_, err = s.JetStream.CreateConsumer(s.ctx, "ORDERS", cfg)
		s.is(err, jetstream.ErrConsumerExists)
		c, err := s.JetStream.UpdateConsumer(s.ctx, "ORDERS", cfg)
		s.ok(err)
		equal(s, "filter", c.CachedInfo().Config.FilterSubject, "orders.a")
		equal(s, "ack wait", c.CachedInfo().Config.AckWait, 30*time.Second)
		equal(s, "max ack pending", c.CachedInfo().Config.MaxAckPending, 1000)
	}},
	{"consumer with contradicting filters", func(s *suite) {
		s.orders()
		for want, cfg := range map[error]jetstream.ConsumerConfig{
			jetstream.ErrDuplicateFilterSubjects:   {Durable: "C", FilterSubject: "orders.a", FilterSubjects: []string{"orders.b"}},
			jetstream.ErrOverlappingFilterSubjects: {Durable: "C", FilterSubjects: []string{"orders.a", "orders.*"}},
			jetstream.ErrEmptyFilter:               {Durable: "C", FilterSubjects: []string{"orders.a", ""}},
		} {
			_, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", cfg)
			s.is(err, want)
		}
	}},
	{"consumer delivers all", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2")
		c := s.consume(jetstream.ConsumerConfig{})
		m := s.next(c, "1")
		meta, err := m.Metadata()
		s.ok(err)
		equal(s, "subject", m.Subject(), "orders.a")
		equal(s, "stream", meta.Stream, "ORDERS")
		equal(s, "consumer", meta.Consumer, "C")
		equal(s, "sequences", meta.Sequence, jetstream.SequencePair{Stream: 1, Consumer: 1})
		equal(s, "delivered", meta.NumDelivered, 1)
		equal(s, "pending", meta.NumPending, 1)
		s.ok(m.Ack())
		s.ackNext(c, "2")
		s.publish("orders.b", "3")
		s.ackNext(c, "3")
	}},
	{"consumer is durable", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2", "3")
		s.ok(s.next(s.consume(jetstream.ConsumerConfig{}), "1").DoubleAck(s.ctx))
		s.ackNext(s.consume(jetstream.ConsumerConfig{}), "2")
	}},
	{"consumer delivers the last of each subject", func(s *suite) {
		s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgsPerSubject: 3})
		s.publish("orders.a", "1", "2")
		s.publish("orders.b", "3")
		s.publish("orders.c", "4")
		s.publish("orders.a", "5")
		c := s.consume(jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{"orders.a", "orders.b"}})
		s.ackNext(c, "3", "5")
		s.publish("orders.a", "6", "7")
		s.publish("orders.c", "8")
		s.publish("orders.b", "9")
		s.ackNext(c, "6", "7", "9")
	}},
	{"consumer start positions", func(s *suite) {
		st := s.orders()
		s.publish("orders.a", "1", "2", "3")
		since := st.CachedInfo().Created
		for _, start := range []struct {
			cfg  jetstream.ConsumerConfig
			want string
		}{
			{jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPolicy}, "3"},
			{jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 2}, "2"},
			{jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}, "1"},
			{jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}, "4"},
		} {
			start.cfg.Durable = start.cfg.DeliverPolicy.String()
			c, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", start.cfg)
			s.ok(err)
			if start.want == "4" {
				s.publish("orders.a", "4")
			}
			s.ackNext(c, start.want)
		}
	}},
	{"consumer filters updated", func(s *suite) {
		s.orders()
		s.publish("orders.b", "1")
		s.publish("orders.a", "2")
		c := s.consume(jetstream.ConsumerConfig{FilterSubjects: []string{"orders.a"}})
		s.ackNext(c, "2")
		s.publish("orders.b", "3")
		s.publish("orders.c", "4")
		c = s.consume(jetstream.ConsumerConfig{FilterSubjects: []string{"orders.a", "orders.b"}})
		s.publish("orders.a", "5")
		s.ackNext(c, "3", "5")
	}},
	{"consumer update that is refused", func(s *suite) {
		s.orders()
		s.consume(jetstream.ConsumerConfig{})
		_, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "C", DeliverPolicy: jetstream.DeliverNewPolicy})
		s.is(err, jetstream.ErrConsumerCreate)
	}},
	{"consumer deleted", func(s *suite) {
		s.orders()
		s.consume(jetstream.ConsumerConfig{})
		s.endsWithConsumer(func() { s.ok(s.JetStream.DeleteConsumer(s.ctx, "ORDERS", "C")) })
	}},
	{"consumer deleted with its stream", func(s *suite) {
		s.orders()
		s.consume(jetstream.ConsumerConfig{})
		s.endsWithConsumer(func() { s.ok(s.JetStream.DeleteStream(s.ctx, "ORDERS")) })
	}},
	{"consumer iterator stopped", func(s *suite) {
		s.orders()
		it := s.messages(s.consume(jetstream.ConsumerConfig{}))
		ended := make(chan error, 1)
		go func() {
			_, err := it.Next()
			ended <- err
		}()
		s.eventually("Next has pulled", func() bool { return s.consumerInfo().NumWaiting > 0 })
		it.Stop()
		s.is(receive(s, "end of Next", ended), jetstream.ErrMsgIteratorClosed)
		_, err := it.Next()
		s.is(err, jetstream.ErrMsgIteratorClosed)
	}},
	{"consumer iterator waits as long as it may", func(s *suite) {
		s.orders()
		it := s.messages(s.consume(jetstream.ConsumerConfig{}))
		_, err := it.Next(jetstream.NextMaxWait(moment))
		s.is(err, nats.ErrTimeout)
		ctx, cancel := context.WithTimeout(s.ctx, moment)
		defer cancel()
		_, err = it.Next(jetstream.NextContext(ctx))
		s.is(err, context.DeadlineExceeded)
		_, err = it.Next(jetstream.NextContext(ctx), jetstream.NextMaxWait(time.Second))
		s.is(err, jetstream.ErrInvalidOption)
		s.publish("orders.a", "1")
		m, err := it.Next(jetstream.NextContext(s.ctx))
		s.ok(err)
		equal(s, "message", string(m.Data()), "1")
	}},
	{"consumer iterator drained", func(s *suite) {
		s.orders()
		it := s.messages(s.consume(jetstream.ConsumerConfig{}))
		s.publish("orders.a", "1")
		m, err := it.Next(jetstream.NextContext(s.ctx))
		s.ok(err)
		s.ok(m.Ack())
		it.Drain()
		_, err = it.Next(jetstream.NextContext(s.ctx))
		s.is(err, jetstream.ErrMsgIteratorClosed)
	}},
	{"consumer kept by Consume", func(s *suite) {
		filters := make(chan struct{})
		k := s.keepConsuming(func() (jetstream.ConsumerConfig, <-chan struct{}) {
			select {
			case <-filters:
				return jetstream.ConsumerConfig{Durable: "C", FilterSubjects: []string{"orders.a", "orders.b"}}, nil
			default:
				return jetstream.ConsumerConfig{Durable: "C", FilterSubjects: []string{"orders.a"}}, filters
			}
		})
		s.orders()
		s.publish("orders.a", "1")
		equal(s, "message", receive(s, "message", k), "1")
		s.ok(s.JetStream.DeleteConsumer(s.ctx, "ORDERS", "C"))
		equal(s, "message of the consumer made anew", receive(s, "message", k), "1")
		close(filters)
		s.eventually("the filters are updated", func() bool {
			c, err := s.JetStream.Consumer(s.ctx, "ORDERS", "C")
			return err == nil && len(c.CachedInfo().Config.FilterSubjects) == 2
		})
		s.publish("orders.b", "2")
		equal(s, "message of the new filter", receive(s, "message", k), "2")
		s.Disconnect()
		s.Reconnect()
		s.publish("orders.a", "3")
		s.comes("message after the outage", k, "3")
		s.ok(s.JetStream.DeleteStream(s.ctx, "ORDERS"))
		s.orders()
		s.publish("orders.a", "4")
		s.comes("message of the stream made anew", k, "4")
	}},
	{"consumer state", func(s *suite) {
		s.orders()
		s.publish("orders.a", "1", "2", "3", "4")
		c := s.consume(jetstream.ConsumerConfig{})
		s.ok(s.next(c, "1").DoubleAck(s.ctx))
		s.next(c, "2")
		info := s.consumerInfo()
		equal(s, "ack floor", info.AckFloor.Stream, 1)
		equal(s, "delivered", info.Delivered.Stream, 2)
		equal(s, "to settle", info.NumAckPending, 1)
		equal(s, "pending", info.NumPending, 2)
		other, err := s.JetStream.CreateOrUpdateConsumer(s.ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "D", FilterSubject: "orders.b"})
		s.ok(err)
		info, err = other.Info(s.ctx)
		s.ok(err)
		equal(s, "pending of the other", info.NumPending, 0)
	}},
}

// keepConsuming runs Consume until the end of the check and returns the data of what it has handled. Settled for sure is
// what comes: an ack may be lost with the connection.
func (s *suite) keepConsuming(cfg retry.ConsumerConfig) <-chan string {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	got, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		_ = retry.Consume(ctx, s.JetStream, "ORDERS", cfg, func(ctx context.Context, m jetstream.Msg) error {
			if err := m.DoubleAck(ctx); err != nil {
				return err
			}
			got <- string(m.Data())
			return nil
		}, quick(), retry.WithTransport(s.Transport), retry.WithReopenSpread(poll),
			retry.WithLogger(slog.New(slog.NewTextHandler(s.Output(), nil))))
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
	})
	return got
}

// comes waits for want. What came before may come again first: a server that is killed, as every stop is on Windows, has
// not stored its latest acks yet.
func (s *suite) comes(what string, got <-chan string, want string) {
	s.Helper()
	for receive(s, what, got) != want {
	}
}

// endsWithConsumer checks that a Next that waits ends with the consumer, for good.
func (s *suite) endsWithConsumer(remove func()) {
	s.Helper()
	c, err := s.JetStream.Consumer(s.ctx, "ORDERS", "C")
	s.ok(err)
	it := s.messages(c)
	waiting := make(chan error, 1)
	go func() {
		_, err := it.Next()
		waiting <- err
	}()
	s.eventually("Next has pulled", func() bool { return s.consumerInfo().NumWaiting > 0 })
	remove()
	s.is(receive(s, "end of Next", waiting), jetstream.ErrConsumerDeleted)
	_, err = it.Next()
	s.is(err, jetstream.ErrMsgIteratorClosed)
}
