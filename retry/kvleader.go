package retry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (k *kvRead) leaderSubject() string { return "$JS.API.STREAM.MSG.GET.KV_" + k.bucket }

// askLeader returns the newest message of a key, errNoMessage or jetstream.ErrBucketNotFound.
func (k *kvRead) askLeader(ctx context.Context, key string) (kvMessage, error) {
	query, err := json.Marshal(storedQuery{LastBySubject: k.subject(key)})
	if err != nil {
		return kvMessage{}, fmt.Errorf("encode request: %w", err)
	}
	reply, err := k.request(ctx, &nats.Msg{Subject: k.leaderSubject(), Data: query})
	if err != nil {
		return kvMessage{}, err
	}
	m, err := readLeaderReply(reply)
	if err != nil {
		return kvMessage{}, err
	}
	_, err = m.keyOf(k.bucket, k.patterns)
	return m, err
}

// leaderReply is the leader's answer. Headers are as they are on the wire.
type leaderReply struct {
	Message *struct {
		Subject  string    `json:"subject"`
		Sequence uint64    `json:"seq"`
		Header   []byte    `json:"hdrs"`
		Data     []byte    `json:"data"`
		Time     time.Time `json:"time"`
	} `json:"message"`
	Error *jetstream.APIError `json:"error"`
}

func readLeaderReply(m *nats.Msg) (kvMessage, error) {
	var reply leaderReply
	if m == nil || json.Unmarshal(m.Data, &reply) != nil {
		return kvMessage{}, fmt.Errorf("%w: not the JSON of a message", errReply)
	}
	if reply.Error != nil {
		return kvMessage{}, leaderError(reply.Error)
	}
	stored := reply.Message
	if stored == nil || stored.Sequence == 0 || stored.Time.IsZero() {
		return kvMessage{}, fmt.Errorf("%w: neither a message nor an error", errReply)
	}
	header, err := readHeader(stored.Header)
	if err != nil {
		return kvMessage{}, err
	}
	return kvMessage{
		subject: stored.Subject, gone: isEndOfKey(&nats.Msg{Header: header}),
		entry: Entry{Value: stored.Data, Revision: stored.Sequence, Created: stored.Time.UTC()},
	}, nil
}

func readHeader(raw []byte) (nats.Header, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	header, err := nats.DecodeHeadersMsg(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: headers: %w", errReply, err)
	}
	return header, nil
}

func leaderError(err *jetstream.APIError) error {
	switch err.ErrorCode {
	case jetstream.JSErrCodeMessageNotFound:
		return errNoMessage
	case jetstream.JSErrCodeStreamNotFound:
		return jetstream.ErrBucketNotFound
	}
	return err
}
