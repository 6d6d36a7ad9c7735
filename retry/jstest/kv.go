package jstest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var _ jetstream.KeyValue = (*keyValue)(nil)

// As on the server, a bucket is a stream: what is put is also a message on $KV.<bucket>.<key>.
const (
	kvStreamPrefix    = "KV_"
	kvOperationHeader = "KV-Operation"
	maxHistory        = jetstream.KeyValueMaxHistory
)

var (
	validBucket = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	validKey    = regexp.MustCompile(`^[-/_=\.a-zA-Z0-9]+$`)
)

// KeyValue looks a bucket up.
func (js *JetStream) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	return js.onBucket(ctx, bucket, func(b *broker) error {
		st, err := b.stream(kvStreamPrefix + bucket)
		switch {
		case err != nil:
			return jetstream.ErrBucketNotFound
		case st.cfg.MaxMsgsPerSubject < 1:
			return jetstream.ErrBadBucket
		}
		return nil
	})
}

// CreateKeyValue creates a bucket, or returns the one that has the same configuration.
func (js *JetStream) CreateKeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	if cfg.History > maxHistory {
		return nil, jetstream.ErrHistoryTooLarge
	}
	return js.onBucket(ctx, cfg.Bucket, func(b *broker) error {
		_, err := b.createStream(kvStream(cfg))
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return errors.Join(fmt.Errorf("%w: %s", jetstream.ErrBucketExists, cfg.Bucket), err)
		}
		return err
	})
}

// CreateOrUpdateKeyValue creates a bucket, or changes the configuration of the one that is there.
func (js *JetStream) CreateOrUpdateKeyValue(ctx context.Context, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	if cfg.History > maxHistory {
		return nil, jetstream.ErrHistoryTooLarge
	}
	return js.onBucket(ctx, cfg.Bucket, func(b *broker) error {
		_, err := b.updateStream(kvStream(cfg))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = b.createStream(kvStream(cfg))
		}
		return err
	})
}

// DeleteKeyValue deletes a bucket and what is in it.
func (js *JetStream) DeleteKeyValue(ctx context.Context, bucket string) error {
	if !validBucket.MatchString(bucket) {
		return jetstream.ErrInvalidBucketName
	}
	err := js.deleteStream(ctx, OpKeyValue, kvStreamPrefix+bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return errors.Join(fmt.Errorf("%w: %s", jetstream.ErrBucketNotFound, bucket), err)
	}
	return err
}

func (js *JetStream) onBucket(ctx context.Context, bucket string, do func(*broker) error) (jetstream.KeyValue, error) {
	if !validBucket.MatchString(bucket) {
		return nil, jetstream.ErrInvalidBucketName
	}
	return ask(ctx, js.client, OpKeyValue, func(b *broker) (jetstream.KeyValue, error) {
		if err := do(b); err != nil {
			return nil, err
		}
		return &keyValue{client: js.client, bucket: bucket}, nil
	})
}

func kvStream(cfg jetstream.KeyValueConfig) jetstream.StreamConfig {
	for what, set := range map[string]bool{
		"Mirror": cfg.Mirror != nil, "Sources": len(cfg.Sources) > 0, "LimitMarkerTTL": cfg.LimitMarkerTTL != 0,
	} {
		if set {
			notImitated("KeyValueConfig." + what)
		}
	}
	compression := jetstream.NoCompression
	if cfg.Compression {
		compression = jetstream.S2Compression
	}
	return normalStream(jetstream.StreamConfig{
		Name: kvStreamPrefix + cfg.Bucket, Description: cfg.Description, Subjects: []string{"$KV." + cfg.Bucket + ".>"},
		MaxMsgsPerSubject: int64(max(cfg.History, 1)), MaxBytes: cfg.MaxBytes, MaxAge: cfg.TTL, MaxMsgSize: cfg.MaxValueSize,
		Storage: cfg.Storage, Replicas: cfg.Replicas, Placement: cfg.Placement, AllowRollup: true, DenyDelete: true,
		AllowDirect: true, RePublish: cfg.RePublish, Discard: jetstream.DiscardNew, Compression: compression, Metadata: cfg.Metadata,
	})
}

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

func keyValid(key string) bool {
	if key == "" || key[0] == '.' || key[len(key)-1] == '.' || strings.Contains(key, "..") {
		return false
	}
	return validKey.MatchString(key)
}

func operation(m *storedMsg) jetstream.KeyValueOp {
	switch m.header.Get(kvOperationHeader) {
	case "DEL":
		return jetstream.KeyValueDelete
	case "PURGE":
		return jetstream.KeyValuePurge
	}
	return jetstream.KeyValuePut
}

// entry is one revision of a key.
type entry struct {
	bucket, key string
	msg         *storedMsg
	value       []byte
	delta       uint64
}

func (kv *keyValue) entry(m *storedMsg, delta uint64) *entry {
	return &entry{bucket: kv.bucket, key: kv.key(m), msg: m, value: slices.Clone(m.data), delta: delta}
}

func (e *entry) Bucket() string                  { return e.bucket }
func (e *entry) Key() string                     { return e.key }
func (e *entry) Value() []byte                   { return e.value }
func (e *entry) Revision() uint64                { return e.msg.seq }
func (e *entry) Created() time.Time              { return e.msg.time }
func (e *entry) Delta() uint64                   { return e.delta }
func (e *entry) Operation() jetstream.KeyValueOp { return operation(e.msg) }
