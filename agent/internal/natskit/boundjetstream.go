package natskit

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// boundJetStream bounds those calls that the agent makes. The others are as they
// were.
type boundJetStream struct {
	jetstream.JetStream
	calls *calls
}

func (j *boundJetStream) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return until(ctx, j.calls, func() (*jetstream.PubAck, error) { return j.JetStream.PublishMsg(ctx, m, opts...) })
}

func (j *boundJetStream) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	return until(ctx, j.calls, func() (jetstream.KeyValue, error) { return j.JetStream.KeyValue(ctx, bucket) })
}

func (j *boundJetStream) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	return until(ctx, j.calls, func() (jetstream.Stream, error) {
		s, err := j.JetStream.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		return &boundStream{s, j.calls}, nil
	})
}

func (j *boundJetStream) ObjectStore(ctx context.Context, bucket string) (jetstream.ObjectStore, error) {
	return until(ctx, j.calls, func() (jetstream.ObjectStore, error) {
		s, err := j.JetStream.ObjectStore(ctx, bucket)
		if err != nil {
			return nil, err
		}
		return &boundStore{s, j.calls}, nil
	})
}

func (j *boundJetStream) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return until(ctx, j.calls, func() (jetstream.Consumer, error) {
		c, err := j.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
		if err != nil {
			return nil, err
		}
		return &boundConsumer{c, j.calls}, nil
	})
}

func (j *boundJetStream) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	return until(ctx, j.calls, func() (jetstream.Consumer, error) {
		c, err := j.JetStream.Consumer(ctx, stream, name)
		if err != nil {
			return nil, err
		}
		return &boundConsumer{c, j.calls}, nil
	})
}

func (j *boundJetStream) DeleteConsumer(ctx context.Context, stream, name string) error {
	_, err := until(ctx, j.calls, func() (struct{}, error) { return struct{}{}, j.JetStream.DeleteConsumer(ctx, stream, name) })
	return err
}

type boundStream struct {
	jetstream.Stream
	calls *calls
}

func (s *boundStream) GetLastMsgForSubject(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	return until(ctx, s.calls, func() (*jetstream.RawStreamMsg, error) { return s.Stream.GetLastMsgForSubject(ctx, subject) })
}

func (s *boundStream) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	_, err := until(ctx, s.calls, func() (struct{}, error) { return struct{}{}, s.Stream.Purge(ctx, opts...) })
	return err
}

type boundStore struct {
	jetstream.ObjectStore
	calls *calls
}

func (s *boundStore) GetInfo(ctx context.Context, name string, opts ...jetstream.GetObjectInfoOpt) (*jetstream.ObjectInfo, error) {
	return until(ctx, s.calls, func() (*jetstream.ObjectInfo, error) { return s.ObjectStore.GetInfo(ctx, name, opts...) })
}

type boundConsumer struct {
	jetstream.Consumer
	calls *calls
}

func (c *boundConsumer) Messages(opts ...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	return within(c.calls, func() (jetstream.MessagesContext, error) {
		it, err := c.Consumer.Messages(opts...)
		if err != nil {
			return nil, err
		}
		return &boundMessages{it, c.calls}, nil
	}, func(late jetstream.MessagesContext) { late.Stop() })
}

// boundMessages need no bound themselves: the iterator leaves what takes the
// connection's lock to a goroutine of nats.go.
type boundMessages struct {
	jetstream.MessagesContext
	calls *calls
}

func (m *boundMessages) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	msg, err := m.MessagesContext.Next(opts...)
	if err != nil {
		return nil, err
	}
	return &boundMsg{msg, m.calls}, nil
}

type boundMsg struct {
	jetstream.Msg
	calls *calls
}

func (m *boundMsg) Ack() error { return m.calls.do(m.Msg.Ack) }

func (m *boundMsg) Nak() error { return m.calls.do(m.Msg.Nak) }

func (m *boundMsg) NakWithDelay(d time.Duration) error {
	return m.calls.do(func() error { return m.Msg.NakWithDelay(d) })
}

func (m *boundMsg) InProgress() error { return m.calls.do(m.Msg.InProgress) }

func (m *boundMsg) Term() error { return m.calls.do(m.Msg.Term) }
