package jstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// keyValue is a handle: like the real one it names a bucket, and outlives it.
type keyValue struct {
	client *Client
	bucket string
}

func (kv *keyValue) Bucket() string { return kv.bucket }

func (kv *keyValue) subject(key string) string { return "$KV." + kv.bucket + "." + key }

func (kv *keyValue) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	return kv.get(ctx, key, func(st *streamState) *storedMsg { return st.last(kv.subject(key)) })
}

func (kv *keyValue) GetRevision(ctx context.Context, key string, revision uint64) (jetstream.KeyValueEntry, error) {
	return kv.get(ctx, key, func(st *streamState) *storedMsg {
		if m := st.find(revision); m != nil && m.subject == kv.subject(key) {
			return m
		}
		return nil
	})
}

func (kv *keyValue) get(ctx context.Context, key string, find func(*streamState) *storedMsg) (jetstream.KeyValueEntry, error) {
	if !keyValid(key) {
		return nil, jetstream.ErrInvalidKey
	}
	return onBucketStream(ctx, kv, func(st *streamState) (jetstream.KeyValueEntry, error) {
		m := find(st)
		if m == nil || operation(m) != jetstream.KeyValuePut {
			return nil, jetstream.ErrKeyNotFound
		}
		return kv.entry(m, 0), nil
	})
}

// onBucketStream is a read. A bucket that is gone gives nats.ErrNoResponders, because the real client asks its stream directly.
func onBucketStream[T any](ctx context.Context, kv *keyValue, read func(*streamState) (T, error)) (T, error) {
	return ask(ctx, kv.client, OpKVRead, func(b *broker) (T, error) {
		st, err := b.stream(kvStreamPrefix + kv.bucket)
		if err != nil {
			var none T
			return none, nats.ErrNoResponders
		}
		return read(st)
	})
}

func (kv *keyValue) Keys(ctx context.Context, _ ...jetstream.WatchOpt) ([]string, error) {
	return onBucketStream(ctx, kv, func(st *streamState) ([]string, error) {
		cur := newCursor(st, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}, nil)
		var keys []string
		for m := cur.take(st); m != nil; m = cur.take(st) {
			if operation(m) == jetstream.KeyValuePut {
				keys = append(keys, kv.key(m))
			}
		}
		if len(keys) == 0 {
			return nil, jetstream.ErrNoKeysFound
		}
		slices.Sort(keys)
		return keys, nil
	})
}

func (kv *keyValue) History(ctx context.Context, key string, _ ...jetstream.WatchOpt) ([]jetstream.KeyValueEntry, error) {
	return onBucketStream(ctx, kv, func(st *streamState) ([]jetstream.KeyValueEntry, error) {
		cur := newCursor(st, jetstream.ConsumerConfig{}, []string{kv.subject(key)})
		var entries []jetstream.KeyValueEntry
		for m := cur.take(st); m != nil; m = cur.take(st) {
			entries = append(entries, kv.entry(m, uint64(cur.pending(st))))
		}
		if len(entries) == 0 {
			return nil, jetstream.ErrKeyNotFound
		}
		return entries, nil
	})
}

func (kv *keyValue) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return kv.publish(ctx, key, &nats.Msg{Data: value})
}

func (kv *keyValue) PutString(ctx context.Context, key, value string) (uint64, error) {
	return kv.Put(ctx, key, []byte(value))
}

func (kv *keyValue) Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error) {
	if len(opts) > 0 {
		notImitated("an option of KeyValue.Create")
	}
	revision, err := kv.publish(ctx, key, expect(value, 0))
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return revision, err
	}
	marker, readErr := onBucketStream(ctx, kv, func(st *streamState) (uint64, error) {
		if m := st.last(kv.subject(key)); m != nil && operation(m) != jetstream.KeyValuePut {
			return m.seq, nil
		}
		return 0, err
	})
	if readErr != nil {
		return 0, readErr
	}
	return kv.publish(ctx, key, expect(value, marker))
}

func (kv *keyValue) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	rev, err := kv.publish(ctx, key, expect(value, revision))
	if errors.Is(err, jetstream.ErrKeyExists) {
		err = fmt.Errorf("%w: %w", err, jetstream.ErrKeyRevisionMismatch)
	}
	return rev, err
}

func (kv *keyValue) Delete(ctx context.Context, key string, opts ...jetstream.KVDeleteOpt) error {
	return kv.mark(ctx, key, nats.Header{kvOperationHeader: {"DEL"}}, opts)
}

func (kv *keyValue) Purge(ctx context.Context, key string, opts ...jetstream.KVDeleteOpt) error {
	return kv.mark(ctx, key, nats.Header{kvOperationHeader: {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}, opts)
}

func (kv *keyValue) mark(ctx context.Context, key string, h nats.Header, opts []jetstream.KVDeleteOpt) error {
	if len(opts) > 0 {
		notImitated("an option of KeyValue.Delete and Purge")
	}
	_, err := kv.publish(ctx, key, &nats.Msg{Header: h})
	return err
}

func expect(value []byte, revision uint64) *nats.Msg {
	return &nats.Msg{Data: value, Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)}}}
}

func (kv *keyValue) publish(ctx context.Context, key string, m *nats.Msg) (uint64, error) {
	if !keyValid(key) {
		return 0, jetstream.ErrInvalidKey
	}
	if err := kv.client.faults.take(OpKVWrite); err != nil {
		return 0, err
	}
	m.Subject = kv.subject(key)
	ack, err := kv.client.publish(ctx, m)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func (kv *keyValue) key(m *storedMsg) string { return strings.TrimPrefix(m.subject, kv.subject("")) }
