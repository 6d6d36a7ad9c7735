package jstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var _ jetstream.ObjectStore = (*objectStore)(nil)

// As on the server, a store is a stream: chunks on $O.<bucket>.C.<id>, a description on $O.<bucket>.M.<name in base64>.
const (
	objectStreamPrefix = "OBJ_"
	defaultChunkSize   = 128 << 10
)

// ObjectStore looks a store up.
func (js *JetStream) ObjectStore(ctx context.Context, bucket string) (jetstream.ObjectStore, error) {
	return js.onObjectStore(ctx, bucket, func(b *broker) error {
		if _, err := b.stream(objectStreamPrefix + bucket); err != nil {
			return jetstream.ErrBucketNotFound
		}
		return nil
	})
}

// CreateObjectStore creates a store, or returns the one that has the same configuration.
func (js *JetStream) CreateObjectStore(ctx context.Context, cfg jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error) {
	return js.onObjectStore(ctx, cfg.Bucket, func(b *broker) error {
		_, err := b.createStream(objectStream(cfg))
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return errors.Join(fmt.Errorf("%w: %s", jetstream.ErrBucketExists, cfg.Bucket), err)
		}
		return err
	})
}

// DeleteObjectStore deletes a store and its objects.
func (js *JetStream) DeleteObjectStore(ctx context.Context, bucket string) error {
	if !validBucket.MatchString(bucket) {
		return jetstream.ErrInvalidStoreName
	}
	err := js.deleteStream(ctx, OpObjectStore, objectStreamPrefix+bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return errors.Join(fmt.Errorf("%w: %s", jetstream.ErrBucketNotFound, bucket), err)
	}
	return err
}

func (js *JetStream) onObjectStore(ctx context.Context, bucket string, do func(*broker) error) (jetstream.ObjectStore, error) {
	if !validBucket.MatchString(bucket) {
		return nil, jetstream.ErrInvalidStoreName
	}
	return ask(ctx, js.client, OpObjectStore, func(b *broker) (jetstream.ObjectStore, error) {
		if err := do(b); err != nil {
			return nil, err
		}
		return &objectStore{client: js.client, bucket: bucket}, nil
	})
}

func objectStream(cfg jetstream.ObjectStoreConfig) jetstream.StreamConfig {
	compression := jetstream.NoCompression
	if cfg.Compression {
		compression = jetstream.S2Compression
	}
	return normalStream(jetstream.StreamConfig{
		Name: objectStreamPrefix + cfg.Bucket, Description: cfg.Description,
		Subjects: []string{"$O." + cfg.Bucket + ".C.>", "$O." + cfg.Bucket + ".M.>"}, MaxAge: cfg.TTL, MaxBytes: cfg.MaxBytes,
		Storage: cfg.Storage, Replicas: cfg.Replicas, Placement: cfg.Placement, Discard: jetstream.DiscardNew, AllowRollup: true,
		AllowDirect: true, Compression: compression, Metadata: cfg.Metadata,
	})
}

// objectStore is a handle: like the real one it names a store, and outlives it.
type objectStore struct {
	client *Client
	bucket string
}

func (o *objectStore) chunks(id string) string { return "$O." + o.bucket + ".C." + id }

func (o *objectStore) meta(name string) string {
	return "$O." + o.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func (o *objectStore) PutBytes(ctx context.Context, name string, data []byte) (*jetstream.ObjectInfo, error) {
	return o.Put(ctx, jetstream.ObjectMeta{Name: name}, bytes.NewReader(data))
}

func (o *objectStore) PutString(ctx context.Context, name, data string) (*jetstream.ObjectInfo, error) {
	return o.PutBytes(ctx, name, []byte(data))
}

// Put reads everything before it stores anything; links are not imitated.
func (o *objectStore) Put(ctx context.Context, meta jetstream.ObjectMeta, r io.Reader) (*jetstream.ObjectInfo, error) {
	if meta.Name == "" {
		return nil, jetstream.ErrBadObjectMeta
	}
	if meta.Opts != nil && meta.Opts.Link != nil {
		return nil, jetstream.ErrLinkNotAllowed
	}
	if err := o.client.faults.take(OpObjectWrite); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	old, err := o.info(ctx, meta.Name, true)
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, err
	}
	info, err := o.store(ctx, meta, data)
	if err == nil && old != nil {
		err = o.purge(ctx, o.chunks(old.NUID))
	}
	return info, err
}

func (o *objectStore) store(ctx context.Context, meta jetstream.ObjectMeta, data []byte) (*jetstream.ObjectInfo, error) {
	size := uint32(defaultChunkSize)
	if meta.Opts != nil && meta.Opts.ChunkSize > 0 {
		size = meta.Opts.ChunkSize
	}
	meta.Opts = &jetstream.ObjectMetaOptions{ChunkSize: size}
	digest := sha256.New()
	info := &jetstream.ObjectInfo{ObjectMeta: meta, Bucket: o.bucket, NUID: o.client.broker.newID(), Size: uint64(len(data))}
	for rest := data; len(rest) > 0; info.Chunks++ {
		n := min(int(size), len(rest))
		digest.Write(rest[:n])
		if _, err := o.client.publish(ctx, &nats.Msg{Subject: o.chunks(info.NUID), Data: rest[:n]}); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	info.Digest = jetstream.GetObjectDigestValue(digest)
	return info, o.describe(ctx, info)
}

func (b *broker) newID() string {
	return strings.TrimPrefix(b.newInbox(), "_INBOX.jstest.")
}

func (o *objectStore) describe(ctx context.Context, info *jetstream.ObjectInfo) error {
	info.ModTime = time.Time{}
	data, err := json.Marshal(info)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: o.meta(info.Name), Data: data, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
	if _, err := o.client.publish(ctx, m); err != nil {
		return err
	}
	info.ModTime = time.Now().UTC()
	return nil
}

func (o *objectStore) purge(ctx context.Context, subject string) error {
	s := &stream{client: o.client, name: objectStreamPrefix + o.bucket}
	return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
}
