package jstest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// quick is for waits whose end the checks do not time.
func quick() retry.Option {
	return retry.WithBackoff(retry.Backoff{Min: poll, Max: 10 * poll, Factor: 2})
}

var outageChecks = []check{
	{"outage is reported", func(s *suite) {
		up, changed := s.Transport.State()
		equal(s, "connected", up, true)
		s.Disconnect()
		receive(s, "change", changed)
		up, changed = s.Transport.State()
		equal(s, "connected", up, false)
		s.Reconnect()
		receive(s, "change", changed)
		up, _ = s.Transport.State()
		equal(s, "connected", up, true)
	}},
	{"outage delays requests and publishes", func(s *suite) {
		st := s.orders()
		s.Disconnect()
		ctx, cancel := context.WithTimeout(s.ctx, moment)
		defer cancel()
		_, err := s.JetStream.Stream(ctx, "ORDERS")
		s.is(err, context.DeadlineExceeded)
		ctx, cancel = context.WithTimeout(s.ctx, moment)
		defer cancel()
		_, err = s.JetStream.PublishMsg(ctx, msg("orders.a", "given up"))
		s.is(err, context.DeadlineExceeded)
		s.ok(s.Transport.Publish(msg("orders.b", "core")))
		published := make(chan error, 1)
		go func() {
			_, err := s.JetStream.PublishMsg(s.ctx, msg("orders.c", "waiting"))
			published <- err
		}()
		s.Reconnect()
		s.ok(receive(s, "publish", published))
		s.eventually("all three are stored, the one that was given up too", func() bool {
			info, err := st.Info(s.ctx)
			s.ok(err)
			return info.State.Msgs == 3
		})
	}},
	{"outage is survived by subscriptions, settlements and iterators", func(s *suite) {
		s.orders()
		got := s.collect("orders.>")
		c := s.consume(jetstream.ConsumerConfig{})
		s.publish("orders.a", "1")
		receive(s, "message", got)
		m := s.next(c, "1")
		delivered := make(chan string, 1)
		it := s.messages(c)
		go func() {
			m, err := it.Next()
			if err != nil {
				delivered <- err.Error()
				return
			}
			delivered <- string(m.Data())
		}()
		s.eventually("Next has pulled", func() bool { return s.consumerInfo().NumWaiting > 0 })
		s.Disconnect()
		s.ok(m.Ack())
		s.Reconnect()
		s.eventually("the ack has arrived", func() bool { return s.consumerInfo().NumAckPending == 0 })
		s.publish("orders.a", "2")
		equal(s, "delivered", receive(s, "delivery", delivered), "2")
		equal(s, "message", string(receive(s, "message", got).Data), "2")
	}},
	{"outage ends a request for many replies", func(s *suite) {
		asked := s.collect("ask")
		ended := make(chan error, 1)
		go func() { ended <- s.lastError(s.ctx, "ask") }()
		receive(s, "request", asked)
		s.Disconnect()
		s.is(receive(s, "end of request", ended), nats.ErrDisconnected)
	}},
	{"outage delays a request for many replies", func(s *suite) {
		s.subscribe("ask", 10, func(m *nats.Msg) { _ = s.Transport.Publish(msg(m.Reply, "one")) })
		s.Disconnect()
		got := make(chan string, 1)
		go func() {
			for m, err := range s.Transport.RequestMany(s.ctx, msg("ask", "x")) {
				if err != nil {
					got <- err.Error()
				} else {
					got <- string(m.Data)
				}
				break
			}
		}()
		s.Reconnect()
		equal(s, "reply", receive(s, "reply", got), "one")
	}},
}

// appears checks that wait goes on until create has run.
func appears[T any](s *suite, create func(), wait func() (T, error)) {
	s.Helper()
	found := make(chan error, 1)
	go func() {
		_, err := wait()
		found <- err
	}()
	select {
	case err := <-found:
		s.Fatalf("the wait ended with %v before anything was there", err)
	case <-time.After(moment):
	}
	create()
	s.ok(receive(s, "end of the wait", found))
}

var waitChecks = []check{
	{"wait for a bucket", func(s *suite) {
		appears(s, func() { s.bucket(1) }, func() (jetstream.KeyValue, error) {
			return retry.WaitForKV(s.ctx, s.JetStream, "settings", quick())
		})
		_, err := retry.WaitForKV(s.ctx, s.JetStream, "a.b", quick())
		s.is(err, jetstream.ErrInvalidBucketName)
	}},
	{"wait for a stream", func(s *suite) {
		appears(s, func() { s.orders() }, func() (jetstream.Stream, error) {
			return retry.WaitForStream(s.ctx, s.JetStream, "ORDERS", quick())
		})
		_, err := retry.WaitForStream(s.ctx, s.JetStream, "A.B", quick())
		s.is(err, jetstream.ErrInvalidStreamName)
	}},
	{"wait for a consumer", func(s *suite) {
		appears(s, func() { s.orders() }, func() (jetstream.Consumer, error) {
			return retry.WaitForConsumer(s.ctx, s.JetStream, "ORDERS", jetstream.ConsumerConfig{Durable: "C"}, quick())
		})
		_, err := retry.WaitForConsumer(s.ctx, s.JetStream, "ORDERS", jetstream.ConsumerConfig{Durable: "a.b"}, quick())
		s.is(err, jetstream.ErrInvalidConsumerName)
	}},
	{"wait for an object store", func(s *suite) {
		appears(s, func() { s.store() }, func() (jetstream.ObjectStore, error) {
			return retry.WaitForObjectStore(s.ctx, s.JetStream, "scripts", quick())
		})
		_, err := retry.WaitForObjectStore(s.ctx, s.JetStream, "a.b", quick())
		s.is(err, jetstream.ErrInvalidStoreName)
	}},
	{"wait that hears of the creation", func(s *suite) {
		hour := retry.Backoff{Min: poll, Max: time.Hour, Factor: 1e9}
		appears(s, func() { s.orders() }, func() (jetstream.Stream, error) {
			return retry.WaitForStream(s.ctx, s.JetStream, "ORDERS", retry.WithBackoff(hour), retry.WithTransport(s.Transport))
		})
	}},
	{"wait that a reconnect ends", func(s *suite) {
		s.orders()
		s.Disconnect()
		appears(s, s.Reconnect, func() (jetstream.Stream, error) {
			return retry.WaitForStream(s.ctx, s.JetStream, "ORDERS", quick(), retry.WithTransport(s.Transport))
		})
	}},
}
