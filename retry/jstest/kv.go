package jstest

import (
	"context"
	"errors"
	"fmt"
	"regexp"

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
