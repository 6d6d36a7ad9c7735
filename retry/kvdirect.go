package retry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// directGet is the body of a direct get. The zero value stands for a request whose subject says it all.
type directGet struct {
	Sequence     uint64   `json:"seq,omitempty"`
	LastFor      string   `json:"last_by_subj,omitempty"`
	NextFor      string   `json:"next_by_subj,omitempty"`
	MultiLastFor []string `json:"multi_last,omitempty"`
	Batch        int      `json:"batch,omitempty"`
	MaxBytes     int      `json:"max_bytes,omitempty"`
}

func (g directGet) message(subject string) (*nats.Msg, error) {
	body, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	if string(body) == "{}" {
		body = nil
	}
	return &nats.Msg{Subject: subject, Data: body}, nil
}

// single sends a request that has one answer.
func (k *kvRead) single(ctx context.Context, subject string, g directGet) (kvMessage, error) {
	m, err := g.message(subject)
	if err != nil {
		return kvMessage{}, err
	}
	reply, err := k.request(ctx, m)
	if err != nil {
		return kvMessage{}, err
	}
	return readReply(reply)
}

func (k *kvRead) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, call, err := k.begin(ctx, m.Subject)
	if err != nil {
		return nil, err
	}
	defer call.end()
	reply, err := k.r.t.Request(ctx, m)
	if err != nil {
		return nil, whyEnded(ctx, err)
	}
	return reply, nil
}

// page sends a request for a batch and adds what comes. It returns the last sequence and how many messages are left over.
func (k *kvRead) page(ctx context.Context, g directGet) (last uint64, left int, err error) {
	m, err := g.message(k.plainSubject())
	if err != nil {
		return 0, 0, err
	}
	ctx, call, err := k.begin(ctx, m.Subject)
	if err != nil {
		return 0, 0, err
	}
	defer call.end()
	for reply, err := range k.r.t.RequestMany(ctx, m) {
		if err != nil {
			return 0, 0, whyEnded(ctx, err)
		}
		call.answered()
		msg, err := readReply(reply)
		if errors.Is(err, errEndOfBatch) {
			return endOfPage(reply, g.Sequence, last)
		}
		if err != nil && last > 0 { // what was read is not all: it is no view
			return 0, 0, fmt.Errorf("%w: %v in the middle of a batch", errReply, err) //nolint:errorlint // nobody may take it for the end
		}
		if err != nil {
			return 0, 0, err
		}
		if msg.entry.Revision <= last || msg.entry.Revision < g.Sequence {
			return 0, 0, fmt.Errorf("%w: sequence %d after %d", errReply, msg.entry.Revision, last)
		}
		last = msg.entry.Revision
		if err := k.add(msg); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, fmt.Errorf("%w: no end of batch", errReply)
}

// endOfPage makes sure that the next page starts behind this one.
func endOfPage(m *nats.Msg, from, last uint64) (uint64, int, error) {
	left, err := pending(m)
	if err != nil {
		return 0, 0, err
	}
	if last == 0 { // nothing at or after from: what is left over is before it
		return from, 0, nil
	}
	return last, left, nil
}
