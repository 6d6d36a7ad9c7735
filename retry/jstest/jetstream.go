package jstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

var (
	_ retry.KVSource          = (*JetStream)(nil)
	_ retry.StreamSource      = (*JetStream)(nil)
	_ retry.ConsumerSource    = (*JetStream)(nil)
	_ retry.ObjectStoreSource = (*JetStream)(nil)
)

// JetStream is a client's JetStream: the methods of jetstream.JetStream that kanade uses, with the same signatures,
// results and sentinel errors. A method that is not imitated does not exist.
type JetStream struct {
	client *Client
}

// Publish is PublishMsg for a subject and its data.
func (js *JetStream) Publish(ctx context.Context, subject string, data []byte, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, opts...)
}

// PublishMsg sends m and waits for the stream's acknowledgement: with no stream for the subject it tries three times in
// half a second, then returns jetstream.ErrNoStreamResponse. While disconnected m waits in the client's buffer, and is
// stored at the reconnect even when the caller has given up. Options panic: set the message's headers instead.
func (js *JetStream) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if len(opts) > 0 {
		notImitated("an option of PublishMsg (set the header instead)")
	}
	if err := js.client.faults.take(OpPublish); err != nil {
		return nil, err
	}
	ack, err := js.client.publish(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := js.client.faults.take(opPubAck); err != nil {
		return nil, err
	}
	return ack, nil
}

func (c *Client) publish(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := withRequestTimeout(ctx)
	defer cancel()
	reply, err := c.request(ctx, m)
	for range jetstream.DefaultPubRetryAttempts {
		if !errors.Is(err, nats.ErrNoResponders) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(jetstream.DefaultPubRetryWait):
		}
		reply, err = c.request(ctx, m)
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, jetstream.ErrNoStreamResponse
	}
	if err != nil {
		return nil, err
	}
	return decodeAck(reply.Data)
}

func decodeAck(data []byte) (*jetstream.PubAck, error) {
	var answer struct {
		Error *jetstream.APIError `json:"error"`
		*jetstream.PubAck
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, jetstream.ErrInvalidJSAck
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("nats: %w", answer.Error)
	}
	if answer.PubAck == nil || answer.Stream == "" {
		return nil, jetstream.ErrInvalidJSAck
	}
	return answer.PubAck, nil
}

// Stream looks a stream up.
func (js *JetStream) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	return js.onStream(ctx, OpStream, name, func(b *broker) (*streamState, error) { return b.stream(name) })
}

// CreateStream creates a stream, or returns the one that has the same configuration.
func (js *JetStream) CreateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	cfg = normalStream(cfg)
	return js.onStream(ctx, OpStream, cfg.Name, func(b *broker) (*streamState, error) { return b.createStream(cfg) })
}

// UpdateStream changes the configuration of an existing stream. Any change is taken; what is stored is not cut to new limits
// before the next message.
func (js *JetStream) UpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	cfg = normalStream(cfg)
	return js.onStream(ctx, OpStream, cfg.Name, func(b *broker) (*streamState, error) { return b.updateStream(cfg) })
}

// CreateOrUpdateStream is UpdateStream, or CreateStream when there is none.
func (js *JetStream) CreateOrUpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.UpdateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return js.CreateStream(ctx, cfg)
	}
	return s, err
}

// DeleteStream deletes a stream with its messages and consumers.
func (js *JetStream) DeleteStream(ctx context.Context, name string) error {
	return js.deleteStream(ctx, OpStream, name)
}

func (js *JetStream) deleteStream(ctx context.Context, op, name string) error {
	if err := checkStreamName(name); err != nil {
		return err
	}
	_, err := ask(ctx, js.client, op, func(b *broker) (struct{}, error) { return struct{}{}, b.deleteStream(name) })
	return err
}

func (js *JetStream) onStream(ctx context.Context, op, name string, do func(*broker) (*streamState, error)) (jetstream.Stream, error) {
	if err := checkStreamName(name); err != nil {
		return nil, err
	}
	return ask(ctx, js.client, op, func(b *broker) (jetstream.Stream, error) {
		st, err := do(b)
		if err != nil {
			return nil, err
		}
		return newStream(js.client, st), nil
	})
}
