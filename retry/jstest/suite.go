package jstest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// Target is one empty broker as the conformance suite sees it.
type Target struct {
	JetStream  TargetJetStream
	Transport  retry.Transport
	Disconnect func() // returns when both JetStream and Transport are cut off
	Reconnect  func() // ends Disconnect, with everything stored kept
}

// TargetJetStream is what the suite calls. *JetStream and jetstream.JetStream both have it.
type TargetJetStream interface {
	retry.KVSource
	retry.StreamSource
	retry.ConsumerSource
	retry.ObjectStoreSource
	Publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error)
	PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error)
	CreateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error)
	UpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error)
	CreateOrUpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error)
	DeleteStream(ctx context.Context, name string) error
	CreateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error)
	UpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error)
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
	DeleteConsumer(ctx context.Context, stream, name string) error
	CreateKeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error)
	CreateOrUpdateKeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error)
	DeleteKeyValue(ctx context.Context, bucket string) error
	CreateObjectStore(ctx context.Context, cfg jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error)
	DeleteObjectStore(ctx context.Context, bucket string) error
}

var (
	_ TargetJetStream = (*JetStream)(nil)
	_ TargetJetStream = jetstream.JetStream(nil)
)

// RunConformance runs every check as a parallel subtest on a target of its own. The fake and a real nats-server both
// pass it; that is what makes the fake worth believing.
func RunConformance(t *testing.T, open func(t *testing.T) Target) {
	for _, group := range [][]check{publishChecks, streamChecks, consumerChecks, settleChecks, kvChecks, watchChecks, directChecks, storedChecks, objectChecks, connChecks, outageChecks, waitChecks} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				c.run(&suite{T: t, ctx: ctx, Target: open(t)})
			})
		}
	}
}

const (
	patience = 60 * time.Second       // for what takes milliseconds
	moment   = 300 * time.Millisecond // for what must not happen; the checks do not rest on it alone
	poll     = 5 * time.Millisecond
)

type check struct {
	name string
	run  func(s *suite)
}

// suite is one check on one target.
type suite struct {
	*testing.T
	Target
	ctx context.Context //nolint:containedctx // the life of one check
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

func (s *suite) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got error %v, want %v", err, want)
	}
}

// code checks for an API error that jetstream has no sentinel for.
func (s *suite) code(err error, want jetstream.ErrorCode) {
	s.Helper()
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != want {
		s.Fatalf("got error %v, want API error %d", err, want)
	}
}

func equal[T comparable](s *suite, what string, got, want T) {
	s.Helper()
	if got != want {
		s.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func equalSlices[T comparable](s *suite, what string, got, want []T) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func (s *suite) eventually(what string, cond func() bool) {
	s.Helper()
	for !cond() {
		select {
		case <-s.ctx.Done():
			s.Fatalf("%s: not within %s", what, patience)
		case <-time.After(poll):
		}
	}
}

func receive[T any](s *suite, what string, ch <-chan T) T {
	s.Helper()
	select {
	case v := <-ch:
		return v
	case <-s.ctx.Done():
		s.Fatalf("%s: nothing within %s", what, patience)
		panic("unreachable")
	}
}

func (s *suite) stream(cfg jetstream.StreamConfig) jetstream.Stream {
	s.Helper()
	st, err := s.JetStream.CreateStream(s.ctx, cfg)
	s.ok(err)
	return st
}

// orders is the stream of most checks.
func (s *suite) orders() jetstream.Stream {
	s.Helper()
	return s.stream(jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
}

func (s *suite) publish(subject string, data ...string) {
	s.Helper()
	for _, d := range data {
		_, err := s.JetStream.Publish(s.ctx, subject, []byte(d))
		s.ok(err)
	}
}

func (s *suite) subscribe(subject string, pending int, h func(*nats.Msg)) retry.Subscription {
	s.Helper()
	sub, err := s.Transport.Subscribe(subject, pending, h)
	s.ok(err)
	s.Cleanup(func() { _ = sub.Stop() })
	return sub
}

// collect subscribes and hands the messages on.
func (s *suite) collect(subject string) <-chan *nats.Msg {
	s.Helper()
	ch := make(chan *nats.Msg, 4096)
	s.subscribe(subject, cap(ch), func(m *nats.Msg) { ch <- m })
	return ch
}

func msg(subject, data string, header ...string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = []byte(data)
	for i := 0; i < len(header); i += 2 {
		m.Header.Set(header[i], header[i+1])
	}
	return m
}
