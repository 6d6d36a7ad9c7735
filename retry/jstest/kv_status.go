package jstest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func (kv *keyValue) Status(ctx context.Context) (jetstream.KeyValueStatus, error) {
	return ask(ctx, kv.client, OpKVRead, func(b *broker) (jetstream.KeyValueStatus, error) {
		st, err := b.stream(kvStreamPrefix + kv.bucket)
		if err != nil {
			return nil, err
		}
		return &kvStatus{bucket: kv.bucket, info: st.info()}, nil
	})
}

// kvStatus also has StreamInfo, as *jetstream.KeyValueBucketStatus has.
type kvStatus struct {
	bucket string
	info   *jetstream.StreamInfo
}

func (s *kvStatus) StreamInfo() *jetstream.StreamInfo { return s.info }
func (s *kvStatus) Bucket() string                    { return s.bucket }
func (s *kvStatus) Values() uint64                    { return s.info.State.Msgs }
func (s *kvStatus) History() int64                    { return s.info.Config.MaxMsgsPerSubject }
func (s *kvStatus) TTL() time.Duration                { return s.info.Config.MaxAge }
func (s *kvStatus) BackingStore() string              { return "JetStream" }
func (s *kvStatus) Bytes() uint64                     { return s.info.State.Bytes }
func (s *kvStatus) IsCompressed() bool                { return s.info.Config.Compression != jetstream.NoCompression }
func (s *kvStatus) LimitMarkerTTL() time.Duration     { return 0 }
func (s *kvStatus) Metadata() map[string]string       { return s.info.Config.Metadata }

func (s *kvStatus) Config() jetstream.KeyValueConfig {
	c := s.info.Config
	return jetstream.KeyValueConfig{
		Bucket: s.bucket, Description: c.Description, History: uint8(c.MaxMsgsPerSubject), TTL: c.MaxAge, MaxBytes: c.MaxBytes,
		MaxValueSize: c.MaxMsgSize, Storage: c.Storage, Replicas: c.Replicas, Compression: s.IsCompressed(), Metadata: c.Metadata,
	}
}
