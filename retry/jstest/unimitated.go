package jstest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What nats.go's interfaces have and kanade does not use. Each panics with its own name, which an embedded interface would not.

func (*stream) DeleteMsg(context.Context, uint64) error {
	panic(unimitated("Stream.DeleteMsg"))
}

func (*stream) SecureDeleteMsg(context.Context, uint64) error {
	panic(unimitated("Stream.SecureDeleteMsg"))
}

func (*stream) OrderedConsumer(context.Context, jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	panic(unimitated("Stream.OrderedConsumer"))
}

func (*stream) PauseConsumer(context.Context, string, time.Time) (*jetstream.ConsumerPauseResponse, error) {
	panic(unimitated("Stream.PauseConsumer"))
}

func (*stream) ResumeConsumer(context.Context, string) (*jetstream.ConsumerPauseResponse, error) {
	panic(unimitated("Stream.ResumeConsumer"))
}

func (*stream) ListConsumers(context.Context) jetstream.ConsumerInfoLister {
	panic(unimitated("Stream.ListConsumers"))
}

func (*stream) ConsumerNames(context.Context) jetstream.ConsumerNameLister {
	panic(unimitated("Stream.ConsumerNames"))
}

func (*stream) UnpinConsumer(context.Context, string, string) error {
	panic(unimitated("Stream.UnpinConsumer"))
}

func (*stream) ResetConsumer(context.Context, string) (*jetstream.ConsumerResetResponse, error) {
	panic(unimitated("Stream.ResetConsumer"))
}

func (*stream) ResetConsumerToSequence(context.Context, string, uint64) (*jetstream.ConsumerResetResponse, error) {
	panic(unimitated("Stream.ResetConsumerToSequence"))
}

func (*stream) CreateOrUpdatePushConsumer(context.Context, jetstream.ConsumerConfig) (jetstream.PushConsumer, error) {
	panic(unimitated("Stream.CreateOrUpdatePushConsumer"))
}

func (*stream) CreatePushConsumer(context.Context, jetstream.ConsumerConfig) (jetstream.PushConsumer, error) {
	panic(unimitated("Stream.CreatePushConsumer"))
}

func (*stream) UpdatePushConsumer(context.Context, jetstream.ConsumerConfig) (jetstream.PushConsumer, error) {
	panic(unimitated("Stream.UpdatePushConsumer"))
}

func (*stream) PushConsumer(context.Context, string) (jetstream.PushConsumer, error) {
	panic(unimitated("Stream.PushConsumer"))
}

func (*consumer) Fetch(int, ...jetstream.FetchOpt) (jetstream.MessageBatch, error) {
	panic(unimitated("Consumer.Fetch"))
}

func (*consumer) FetchBytes(int, ...jetstream.FetchOpt) (jetstream.MessageBatch, error) {
	panic(unimitated("Consumer.FetchBytes"))
}

func (*consumer) FetchNoWait(int) (jetstream.MessageBatch, error) {
	panic(unimitated("Consumer.FetchNoWait"))
}

func (*consumer) Consume(jetstream.MessageHandler, ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	panic(unimitated("Consumer.Consume"))
}

func (*consumer) Next(...jetstream.FetchOpt) (jetstream.Msg, error) {
	panic(unimitated("Consumer.Next"))
}

func (*keyValue) ListKeys(context.Context, ...jetstream.WatchOpt) (jetstream.KeyLister, error) {
	panic(unimitated("KeyValue.ListKeys"))
}

func (*keyValue) ListKeysFiltered(context.Context, ...string) (jetstream.KeyLister, error) {
	panic(unimitated("KeyValue.ListKeysFiltered"))
}

func (*keyValue) PurgeDeletes(context.Context, ...jetstream.KVPurgeOpt) error {
	panic(unimitated("KeyValue.PurgeDeletes"))
}

func (*objectStore) PutFile(context.Context, string) (*jetstream.ObjectInfo, error) {
	panic(unimitated("ObjectStore.PutFile"))
}

func (*objectStore) GetFile(context.Context, string, string, ...jetstream.GetObjectOpt) error {
	panic(unimitated("ObjectStore.GetFile"))
}

func (*objectStore) UpdateMeta(context.Context, string, jetstream.ObjectMeta) error {
	panic(unimitated("ObjectStore.UpdateMeta"))
}

func (*objectStore) AddLink(context.Context, string, *jetstream.ObjectInfo) (*jetstream.ObjectInfo, error) {
	panic(unimitated("ObjectStore.AddLink"))
}

func (*objectStore) AddBucketLink(context.Context, string, jetstream.ObjectStore) (*jetstream.ObjectInfo, error) {
	panic(unimitated("ObjectStore.AddBucketLink"))
}

func (*objectStore) Seal(context.Context) error {
	panic(unimitated("ObjectStore.Seal"))
}

func (*objectStore) Watch(context.Context, ...jetstream.WatchOpt) (jetstream.ObjectWatcher, error) {
	panic(unimitated("ObjectStore.Watch"))
}

func (*objectStore) List(context.Context, ...jetstream.ListObjectsOpt) ([]*jetstream.ObjectInfo, error) {
	panic(unimitated("ObjectStore.List"))
}

func (*objectStore) Status(context.Context) (jetstream.ObjectStoreStatus, error) {
	panic(unimitated("ObjectStore.Status"))
}
