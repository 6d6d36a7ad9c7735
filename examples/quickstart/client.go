package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
)

// client is the other side of the wire. It knows the agent only by subjects and
// documents.
type client struct {
	nc      *nats.Conn
	results jetstream.MessagesContext
}

// stored is a result and where the stream has it.
type stored struct {
	wire.Result
	subject  string
	sequence uint64
}

// newClient creates the contract's streams and starts to read RESULTS.
func newClient(ctx context.Context, nc *nats.Conn) (*client, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if err := createContract(ctx, js); err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, wire.StreamResults, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", wire.StreamResults, err)
	}
	results, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", wire.StreamResults, err)
	}
	return &client{nc: nc, results: results}, nil
}

func (c *client) close() { c.results.Stop() }

func newCommand(o options) wire.Command {
	return wire.Command{
		ID: "quickstart", Version: "1", RequestID: uuid.NewString(),
		Shell: o.shell, Script: o.script, TimeoutSecs: 3600,
	}
}

func (c *client) send(pcID string, command wire.Command) error {
	data, err := command.Encode()
	if err != nil {
		return fmt.Errorf("encode command: %w", err)
	}
	if err := c.nc.Publish(wire.CommandsPC(pcID), data); err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	return nil
}

// next waits for the next result in the stream.
func (c *client) next(ctx context.Context) (stored, error) {
	msg, err := c.results.Next(jetstream.NextContext(ctx))
	if err != nil {
		return stored{}, fmt.Errorf("wait for a result: %w", err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return stored{}, fmt.Errorf("read result: %w", err)
	}
	r, err := wire.DecodeResult(msg.Data())
	return stored{Result: r, subject: msg.Subject(), sequence: meta.Sequence.Stream}, err
}

// resultOf waits for the result of a request.
func (c *client) resultOf(ctx context.Context, requestID string) (stored, error) {
	for {
		r, err := c.next(ctx)
		if err != nil || r.RequestID == requestID {
			return r, err
		}
	}
}

// follow shows every further result until ctx ends. Another client may have
// published something else below results: that is skipped.
func (c *client) follow(ctx context.Context, show func(stored)) error {
	for {
		r, err := c.next(ctx)
		if errors.Is(err, wire.ErrDecode) {
			continue
		}
		if err != nil {
			return err
		}
		show(r)
	}
}
