package jstest

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

var connChecks = []check{
	{"subscriptions with wildcards", func(s *suite) {
		for pattern, want := range map[string][]string{
			"a.b": {"a.b"}, "a.*": {"a.b", "a.c"}, "*.b": {"a.b", "x.b"}, "a.>": {"a.b", "a.c", "a.b.c"},
			"a.*.c": {"a.b.c"}, "*": {"a"}, ">": {"a", "a.b", "a.c", "a.b.c", "x.b"},
		} {
			got := s.collect(pattern)
			for _, subject := range []string{"a", "a.b", "a.c", "a.b.c", "x.b"} {
				s.ok(s.Transport.Publish(msg(subject, pattern)))
			}
			for _, subject := range want {
				equal(s, pattern, receiveOwn(s, got, pattern), subject)
			}
		}
	}},
	{"subscription that cannot be", func(s *suite) {
		h := func(*nats.Msg) {}
		for subject, want := range map[string]error{"": nats.ErrBadSubject, "a..b": nats.ErrBadSubject, "a b": nats.ErrBadSubject, "a.": nats.ErrBadSubject} {
			_, err := s.Transport.Subscribe(subject, 1, h)
			s.is(err, want)
		}
		_, err := s.Transport.Subscribe("a", 0, h)
		s.is(err, nats.ErrInvalidArg)
		_, err = s.Transport.Subscribe("a", 1, nil)
		s.is(err, nats.ErrBadSubscription)
	}},
	{"subscription keeps order, one at a time", func(s *suite) {
		const n = 2000
		var running atomic.Int32
		next, done := 0, make(chan struct{})
		s.subscribe("a", n, func(m *nats.Msg) {
			if running.Add(1) != 1 || string(m.Data) != strconv.Itoa(next) {
				s.Errorf("message %d is %s, %d handlers", next, m.Data, running.Load())
			}
			if next++; next == n {
				close(done)
			}
			running.Add(-1)
		})
		for i := range n {
			s.ok(s.Transport.Publish(msg("a", strconv.Itoa(i))))
		}
		receive(s, "last message", done)
	}},
	{"subscription drops what its buffer cannot hold", func(s *suite) {
		release := make(chan struct{})
		sub := s.subscribe("a", 3, func(*nats.Msg) { <-release })
		defer close(release)
		all := s.collect("a")
		for range 10 {
			s.ok(s.Transport.Publish(msg("a", "")))
		}
		for range 10 {
			receive(s, "message", all)
		}
		s.eventually("7 were dropped", func() bool { return sub.Dropped() == 7 })
	}},
	{"subscription stopped", func(s *suite) {
		entered, release := make(chan struct{}, 10), make(chan struct{})
		var handled atomic.Int32
		sub := s.subscribe("a", 10, func(*nats.Msg) {
			entered <- struct{}{}
			<-release
			handled.Add(1)
		})
		s.ok(s.Transport.Publish(msg("a", "1")))
		s.ok(s.Transport.Publish(msg("a", "2")))
		receive(s, "handler call", entered)
		stopped := make(chan int32)
		go func() {
			_ = sub.Stop()
			stopped <- handled.Load()
		}()
		close(release)
		n := receive(s, "end of Stop", stopped)
		s.ok(sub.Stop())
		s.ok(s.Transport.Publish(msg("a", "3")))
		other := s.collect("b")
		s.ok(s.Transport.Publish(msg("b", "")))
		receive(s, "message after it", other)
		equal(s, "handled after Stop", handled.Load(), n)
	}},
	{"subscription drained", func(s *suite) {
		const n = 100
		entered, release := make(chan struct{}, n), make(chan struct{})
		var handled atomic.Int32
		sub := s.subscribe("a", n, func(*nats.Msg) {
			entered <- struct{}{}
			<-release
			handled.Add(1)
		})
		for range n {
			s.ok(s.Transport.Publish(msg("a", "")))
		}
		receive(s, "handler call", entered)
		drained := make(chan error)
		go func() { drained <- sub.Drain(s.ctx) }()
		close(release)
		s.ok(receive(s, "end of Drain", drained))
		equal(s, "handled", handled.Load(), n)
		s.ok(s.Transport.Publish(msg("a", "")))
		other := s.collect("b")
		s.ok(s.Transport.Publish(msg("b", "")))
		receive(s, "message after it", other)
		equal(s, "handled after Drain", handled.Load(), n)
		s.ok(sub.Drain(s.ctx))
		s.ok(sub.Stop())
	}},
	{"subscription drained for too long", func(s *suite) {
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		entered := make(chan struct{}, 10)
		var handled atomic.Int32
		sub := s.subscribe("a", 10, func(*nats.Msg) {
			entered <- struct{}{}
			<-ctx.Done()
			handled.Add(1)
		})
		for range 3 {
			s.ok(s.Transport.Publish(msg("a", "")))
		}
		receive(s, "handler call", entered)
		drained := make(chan error)
		go func() { drained <- sub.Drain(ctx) }()
		cancel()
		if err := receive(s, "end of Drain", drained); err != nil { // nil: the handler was faster
			s.is(err, context.Canceled)
		}
		n := handled.Load()
		s.ok(sub.Stop())
		equal(s, "handled after Drain", handled.Load(), n)
	}},
	{"request and reply", func(s *suite) {
		s.subscribe("ask.*", 10, func(m *nats.Msg) {
			_ = s.Transport.Publish(msg(m.Reply, m.Subject+"="+string(m.Data)+m.Header.Get("X-One"), "X-Two", "2"))
		})
		reply, err := s.Transport.Request(s.ctx, msg("ask.me", "x", "X-One", "1"))
		s.ok(err)
		equal(s, "reply", string(reply.Data), "ask.me=x1")
		equal(s, "header", reply.Header.Get("X-Two"), "2")
	}},
	{"request that nobody answers", func(s *suite) {
		_, err := s.Transport.Request(s.ctx, msg("ask", "x"))
		s.is(err, nats.ErrNoResponders)
		s.subscribe("ask", 10, func(*nats.Msg) {})
		ctx, cancel := context.WithTimeout(s.ctx, moment)
		defer cancel()
		_, err = s.Transport.Request(ctx, msg("ask", "x"))
		s.is(err, context.DeadlineExceeded)
		ctx, cancel = context.WithCancel(s.ctx)
		cancel()
		_, err = s.Transport.Request(ctx, msg("ask", "x"))
		s.is(err, context.Canceled)
	}},
	{"request with many replies", func(s *suite) {
		s.subscribe("ask", 10, func(m *nats.Msg) {
			for i := range 5 {
				_ = s.Transport.Publish(msg(m.Reply, strconv.Itoa(i)))
			}
		})
		for range 2 {
			next := 0
			for m, err := range s.Transport.RequestMany(s.ctx, msg("ask", "x")) {
				s.ok(err)
				equal(s, "reply", string(m.Data), strconv.Itoa(next))
				if next++; next == 5 {
					break
				}
			}
			equal(s, "replies", next, 5)
		}
	}},
	{"request with many replies that nobody answers", func(s *suite) {
		s.is(s.lastError(s.ctx, "nobody"), nats.ErrNoResponders)
		s.subscribe("ask", 10, func(m *nats.Msg) { _ = s.Transport.Publish(msg(m.Reply, "one")) })
		ctx, cancel := context.WithTimeout(s.ctx, moment)
		defer cancel()
		s.is(s.lastError(ctx, "ask"), context.DeadlineExceeded)
	}},
}

// receiveOwn skips messages that were published for another pattern and returns the subject.
func receiveOwn(s *suite, ch <-chan *nats.Msg, own string) string {
	s.Helper()
	for {
		if m := receive(s, "message for "+own, ch); string(m.Data) == own {
			return m.Subject
		}
	}
}

// lastError is how a RequestMany ends that is never broken off.
func (s *suite) lastError(ctx context.Context, subject string) (last error) {
	for _, err := range s.Transport.RequestMany(ctx, msg(subject, "x")) {
		last = err
	}
	return last
}
