package retry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ObjectReader is what ReadObject needs of a connection. NewObjectReader makes the real one.
type ObjectReader interface {
	// ObjectInfo returns the description of an object: jetstream.ErrObjectNotFound when there is none or it was deleted,
	// jetstream.ErrBucketNotFound when there is no such store.
	ObjectInfo(ctx context.Context, bucket, name string) (*jetstream.ObjectInfo, error)

	// ObjectChunk returns the first chunk of an object that has this sequence in the store or a later one:
	// jetstream.ErrMsgNotFound when there is none, jetstream.ErrBucketNotFound when there is no such store.
	ObjectChunk(ctx context.Context, bucket, nuid string, from uint64) (ObjectChunk, error)
}

// ObjectChunk is one part of an object.
type ObjectChunk struct {
	Data     []byte
	Sequence uint64 // in the store
}

// NewObjectReader reads objects through t, with requests to $JS.API.STREAM.MSG.GET.OBJ_<bucket> and nothing else: one for the
// description and one for each chunk. They are answered by the leader of the store and need no permission for consumers
// or direct gets. A Transport that is an ObjectReader itself, as a fake may be, is returned as it is.
func NewObjectReader(t Transport) ObjectReader {
	if r, ok := t.(ObjectReader); ok {
		return r
	}
	return &objectReader{t}
}

type objectReader struct{ t Transport }

func (r *objectReader) ObjectInfo(ctx context.Context, bucket, name string) (*jetstream.ObjectInfo, error) {
	if name == "" {
		return nil, jetstream.ErrNameRequired
	}
	subject := "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
	m, err := r.get(ctx, bucket, storedQuery{LastBySubject: subject})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("%w: %s", jetstream.ErrObjectNotFound, name)
	}
	if err != nil {
		return nil, err
	}
	return describeObject(m)
}

// maxNUID is more than any NUID has.
const maxNUID = 128

// plain tells whether a name of the broker's can stand in a subject.
func plain(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func describeObject(m *storedMsg) (*jetstream.ObjectInfo, error) {
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return nil, fmt.Errorf("%w: %w", jetstream.ErrBadObjectMeta, err)
	}
	if info.Deleted {
		return nil, fmt.Errorf("%w: %s was deleted", jetstream.ErrObjectNotFound, info.Name)
	}
	if !plain(info.NUID) || len(info.NUID) > maxNUID {
		return nil, fmt.Errorf("%w: its nuid is %.200q", jetstream.ErrBadObjectMeta, info.NUID)
	}
	info.ModTime = m.Time
	return &info, nil
}

func (r *objectReader) ObjectChunk(ctx context.Context, bucket, nuid string, from uint64) (ObjectChunk, error) {
	m, err := r.get(ctx, bucket, storedQuery{NextBySubject: "$O." + bucket + ".C." + nuid, Sequence: from})
	if err != nil {
		return ObjectChunk{}, err
	}
	return ObjectChunk{Data: m.Data, Sequence: m.Sequence}, nil
}

// storedQuery asks for one message of a stream.
type storedQuery struct {
	Sequence      uint64 `json:"seq,omitempty"`
	NextBySubject string `json:"next_by_subj,omitempty"`
	LastBySubject string `json:"last_by_subj,omitempty"`
}

type storedMsg struct {
	Sequence uint64    `json:"seq"`
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

func (r *objectReader) get(ctx context.Context, bucket string, q storedQuery) (*storedMsg, error) {
	if !plain(bucket) {
		return nil, jetstream.ErrInvalidStoreName
	}
	query, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	reply, err := r.t.Request(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET.OBJ_" + bucket, Data: query})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Message *storedMsg          `json:"message"`
		Error   *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return answer.Message, storedError(answer.Message, answer.Error, bucket)
}

func storedError(m *storedMsg, err *jetstream.APIError, bucket string) error {
	switch {
	case err == nil && m == nil:
		return errors.New("read answer: no message in it")
	case err == nil:
		return nil
	case err.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return fmt.Errorf("%w: %s", jetstream.ErrBucketNotFound, bucket)
	case err.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return jetstream.ErrMsgNotFound
	}
	return err
}
