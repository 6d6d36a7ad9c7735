package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// KVSource looks up a key-value bucket. jetstream.JetStream is one.
type KVSource interface {
	KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error)
}

// StreamSource looks up a stream. jetstream.JetStream is one.
type StreamSource interface {
	Stream(ctx context.Context, name string) (jetstream.Stream, error)
}

// ConsumerSource makes a pull consumer, or brings an existing one to cfg. jetstream.JetStream is one.
type ConsumerSource interface {
	CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error)
}

// ObjectStoreSource looks up an object store. jetstream.JetStream is one.
type ObjectStoreSource interface {
	ObjectStore(ctx context.Context, bucket string) (jetstream.ObjectStore, error)
}

// WaitForKV returns the bucket as soon as it exists. It ends early as Forever does; a name that no bucket can have
// (jetstream.ErrInvalidBucketName) and a closed connection (nats.ErrConnectionClosed) are permanent.
func WaitForKV(ctx context.Context, js KVSource, bucket string, opts ...Option) (jetstream.KeyValue, error) {
	return waitFor(ctx, "kv "+bucket, "KV_"+bucket, func(ctx context.Context) (jetstream.KeyValue, error) {
		return js.KeyValue(ctx, bucket)
	}, opts)
}

// WaitForStream returns the stream as soon as it exists. It ends early as Forever does; a name that no stream can have
// (jetstream.ErrInvalidStreamName, jetstream.ErrStreamNameRequired) and a closed connection (nats.ErrConnectionClosed) are
// permanent.
func WaitForStream(ctx context.Context, js StreamSource, name string, opts ...Option) (jetstream.Stream, error) {
	return waitFor(ctx, "stream "+name, name, func(ctx context.Context) (jetstream.Stream, error) {
		return js.Stream(ctx, name)
	}, opts)
}

// WaitForConsumer makes the consumer, or brings an existing one to cfg, as soon as its stream exists. It ends early as
// Forever does; permanent are the stream names of WaitForStream, a consumer name that no consumer can have
// (jetstream.ErrInvalidConsumerName), filter subjects that are malformed, empty, overlapping or given in both fields
// (jetstream.ErrInvalidSubject, ErrEmptyFilter, ErrOverlappingFilterSubjects, ErrDuplicateFilterSubjects), and a closed
// connection (nats.ErrConnectionClosed). Other refusals of cfg by the server are tried again, since another server, version
// or limit may accept it.
func WaitForConsumer(ctx context.Context, js ConsumerSource, stream string, cfg jetstream.ConsumerConfig, opts ...Option) (jetstream.Consumer, error) {
	what := "consumer " + stream + "/" + cmp.Or(cfg.Name, cfg.Durable)
	return waitFor(ctx, what, stream, func(ctx context.Context) (jetstream.Consumer, error) {
		if err := checkFilters(cfg); err != nil {
			return nil, err
		}
		return js.CreateOrUpdateConsumer(ctx, stream, cfg)
	}, opts)
}

// checkFilters finds what nats.go v1.55 lets through: a filter with an empty token makes a request that no server answers.
func checkFilters(cfg jetstream.ConsumerConfig) error {
	for _, subject := range append([]string{cfg.FilterSubject}, cfg.FilterSubjects...) {
		if strings.Contains(subject, "..") {
			return fmt.Errorf("%w: %q has an empty token", jetstream.ErrInvalidSubject, subject)
		}
	}
	return nil
}

// WaitForObjectStore returns the object store as soon as it exists. It ends early as Forever does; a name that no store can
// have (jetstream.ErrInvalidStoreName) and a closed connection (nats.ErrConnectionClosed) are permanent.
func WaitForObjectStore(ctx context.Context, js ObjectStoreSource, bucket string, opts ...Option) (jetstream.ObjectStore, error) {
	return waitFor(ctx, "object_store "+bucket, "OBJ_"+bucket, func(ctx context.Context) (jetstream.ObjectStore, error) {
		return js.ObjectStore(ctx, bucket)
	}, opts)
}

// waitFor is Forever for something that lives in the named stream.
func waitFor[T any](ctx context.Context, what, stream string, op func(context.Context) (T, error), opts []Option) (T, error) {
	o := newOptions(opts)
	notice := newCreationNotice(o.transport, stream, o.log)
	defer notice.stop()
	o.news = notice.heard
	return forever(ctx, what, func(ctx context.Context) (T, error) {
		value, err := op(ctx)
		if isNotFound(err) {
			notice.listen()
		}
		return value, classify(err)
	}, o)
}

func isNotFound(err error) bool {
	return errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}
