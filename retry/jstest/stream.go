package jstest

import (
	"context"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

var _ jetstream.Stream = (*stream)(nil)

// stream is a handle: like the real one it names a stream, and outlives it.
type stream struct {
	client *Client
	name   string
	cached atomic.Pointer[jetstream.StreamInfo]
}

func newStream(c *Client, st *streamState) *stream {
	s := &stream{client: c, name: st.cfg.Name}
	s.cached.Store(st.info())
	return s
}

func (s *stream) js() *JetStream { return s.client.JetStream() }

func (s *stream) CachedInfo() *jetstream.StreamInfo { return s.cached.Load() }

// Info takes WithSubjectFilter.
func (s *stream) Info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	filter := readSubjectFilter(opts)
	return ask(ctx, s.client, OpStream, func(b *broker) (*jetstream.StreamInfo, error) {
		st, err := b.stream(s.name)
		if err != nil {
			return nil, err
		}
		info := st.info()
		s.cached.Store(info)
		if filter == "" {
			return info, nil
		}
		filtered := *info
		filtered.State.Subjects = st.subjects(filter)
		return &filtered, nil
	})
}

func (s *stream) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	if len(opts) > 0 {
		notImitated("an option of Stream.GetMsg")
	}
	return s.get(ctx, func(st *streamState) *storedMsg { return st.find(seq) })
}

func (s *stream) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	return s.get(ctx, func(st *streamState) *storedMsg { return st.last(subject) })
}

func (s *stream) get(ctx context.Context, find func(*streamState) *storedMsg) (*jetstream.RawStreamMsg, error) {
	return ask(ctx, s.client, OpStream, func(b *broker) (*jetstream.RawStreamMsg, error) {
		st, err := b.stream(s.name)
		if err != nil {
			return nil, err
		}
		m := find(st)
		if m == nil {
			return nil, jetstream.ErrMsgNotFound
		}
		return m.raw(), nil
	})
}

func (s *stream) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	var req jetstream.StreamPurgeRequest
	for _, opt := range opts {
		if err := opt(&req); err != nil {
			return err
		}
	}
	_, err := ask(ctx, s.client, OpStream, func(b *broker) (struct{}, error) {
		st, err := b.stream(s.name)
		if err == nil {
			st.purge(req)
			b.wake()
		}
		return struct{}{}, err
	})
	return err
}

func (s *stream) CreateOrUpdateConsumer(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return s.js().CreateOrUpdateConsumer(ctx, s.name, cfg)
}

func (s *stream) CreateConsumer(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return s.js().CreateConsumer(ctx, s.name, cfg)
}

func (s *stream) UpdateConsumer(ctx context.Context, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return s.js().UpdateConsumer(ctx, s.name, cfg)
}

func (s *stream) Consumer(ctx context.Context, name string) (jetstream.Consumer, error) {
	return s.js().Consumer(ctx, s.name, name)
}

func (s *stream) DeleteConsumer(ctx context.Context, name string) error {
	return s.js().DeleteConsumer(ctx, s.name, name)
}
