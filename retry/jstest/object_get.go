package jstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

var _ retry.ObjectReader = (*Conn)(nil)

// ObjectInfo makes a Conn the retry.ObjectReader that retry.NewObjectReader returns for it.
func (c *Conn) ObjectInfo(ctx context.Context, bucket, name string) (*jetstream.ObjectInfo, error) {
	store, err := c.objects(bucket)
	if err != nil {
		return nil, err
	}
	info, err := store.info(ctx, name, false)
	return info, storeGone(err)
}

// ObjectChunk returns the first chunk of an object with this sequence or a later one.
func (c *Conn) ObjectChunk(ctx context.Context, bucket, nuid string, from uint64) (retry.ObjectChunk, error) {
	store, err := c.objects(bucket)
	if err != nil {
		return retry.ObjectChunk{}, err
	}
	chunk, err := onObjectStream(ctx, store, func(st *streamState) (retry.ObjectChunk, error) {
		for _, m := range st.from(from) {
			if m.subject == store.chunks(nuid) {
				return retry.ObjectChunk{Data: bytes.Clone(m.data), Sequence: m.seq}, nil
			}
		}
		return retry.ObjectChunk{}, jetstream.ErrMsgNotFound
	})
	return chunk, storeGone(err)
}

func (c *Conn) objects(bucket string) (*objectStore, error) {
	if !validBucket.MatchString(bucket) {
		return nil, jetstream.ErrInvalidStoreName
	}
	if err := c.client.faults.take(OpObjectRead); err != nil {
		return nil, err
	}
	return &objectStore{client: c.client, bucket: bucket}, nil
}

// storeGone is what a request to the API says where a direct get finds nobody.
func storeGone(err error) error {
	if errors.Is(err, nats.ErrNoResponders) {
		return jetstream.ErrBucketNotFound
	}
	return err
}

func (o *objectStore) GetInfo(ctx context.Context, name string, opts ...jetstream.GetObjectInfoOpt) (*jetstream.ObjectInfo, error) {
	if len(opts) > 0 {
		notImitated("an option of ObjectStore.GetInfo")
	}
	if err := o.client.faults.take(OpObjectRead); err != nil {
		return nil, err
	}
	return o.info(ctx, name, false)
}

func (o *objectStore) info(ctx context.Context, name string, deleted bool) (*jetstream.ObjectInfo, error) {
	if name == "" {
		return nil, jetstream.ErrNameRequired
	}
	return onObjectStream(ctx, o, func(st *streamState) (*jetstream.ObjectInfo, error) {
		m := st.last(o.meta(name))
		if m == nil {
			return nil, jetstream.ErrObjectNotFound
		}
		var info jetstream.ObjectInfo
		if err := json.Unmarshal(m.data, &info); err != nil {
			return nil, jetstream.ErrBadObjectMeta
		}
		if info.Deleted && !deleted {
			return nil, jetstream.ErrObjectNotFound
		}
		info.ModTime = m.time
		return &info, nil
	})
}

// onObjectStream is a read. A store that is gone gives nats.ErrNoResponders, because the real client asks its stream directly.
func onObjectStream[T any](ctx context.Context, o *objectStore, read func(*streamState) (T, error)) (T, error) {
	return ask(ctx, o.client, opInner, func(b *broker) (T, error) {
		st, err := b.stream(objectStreamPrefix + o.bucket)
		if err != nil {
			var none T
			return none, nats.ErrNoResponders
		}
		return read(st)
	})
}

// opInner is a step of an operation that has had its scripted faults already.
const opInner = ""

func (o *objectStore) Delete(ctx context.Context, name string) error {
	if err := o.client.faults.take(OpObjectWrite); err != nil {
		return err
	}
	info, err := o.info(ctx, name, true)
	if err != nil {
		return err
	}
	info.Deleted, info.Size, info.Chunks, info.Digest = true, 0, 0, ""
	if err := o.describe(ctx, info); err != nil {
		return err
	}
	return o.purge(ctx, o.chunks(info.NUID))
}

func (o *objectStore) GetBytes(ctx context.Context, name string, opts ...jetstream.GetObjectOpt) ([]byte, error) {
	result, err := o.Get(ctx, name, opts...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(result)
}

func (o *objectStore) GetString(ctx context.Context, name string, opts ...jetstream.GetObjectOpt) (string, error) {
	data, err := o.GetBytes(ctx, name, opts...)
	return string(data), err
}

// Get takes the whole object at once; the real client reads on while its result is read.
func (o *objectStore) Get(ctx context.Context, name string, opts ...jetstream.GetObjectOpt) (jetstream.ObjectResult, error) {
	if len(opts) > 0 {
		notImitated("an option of ObjectStore.Get")
	}
	info, err := o.GetInfo(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := onObjectStream(ctx, o, func(st *streamState) ([]byte, error) {
		var data []byte
		for _, m := range st.from(0) {
			if m.subject == o.chunks(info.NUID) {
				data = append(data, m.data...)
			}
		}
		return data, nil
	})
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	digest.Write(data)
	if info.Digest != jetstream.GetObjectDigestValue(digest) {
		return nil, jetstream.ErrDigestMismatch
	}
	return &objectResult{Reader: bytes.NewReader(data), info: info}, nil
}

type objectResult struct {
	*bytes.Reader
	info *jetstream.ObjectInfo
}

func (r *objectResult) Close() error                         { return nil }
func (r *objectResult) Error() error                         { return nil }
func (r *objectResult) Info() (*jetstream.ObjectInfo, error) { return r.info, nil }
