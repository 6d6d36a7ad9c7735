package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = 60 * time.Second

// hour is longer than any test: a wait that ends under it was ended by something else. The first pause is short so that
// the creation notice, which starts the backoff over, is seen.
var hour = retry.Backoff{Min: 50 * time.Millisecond, Max: time.Hour, Factor: 1e6}

func newJetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	t.Cleanup(cancel)
	return ctx
}

// resource is one kind of thing to wait for, and how it comes to exist.
type resource struct {
	wait   func(ctx context.Context, js jetstream.JetStream, opts ...retry.Option) (name string, err error)
	create func(ctx context.Context, js jetstream.JetStream) error
}

var resources = map[string]resource{
	"bucket": {
		func(ctx context.Context, js jetstream.JetStream, opts ...retry.Option) (string, error) {
			kv, err := retry.WaitForKV(ctx, js, "THING", opts...)
			if err != nil {
				return "", err
			}
			return kv.Bucket(), nil
		},
		func(ctx context.Context, js jetstream.JetStream) error {
			_, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "THING"})
			return err
		},
	},
	"stream": {
		func(ctx context.Context, js jetstream.JetStream, opts ...retry.Option) (string, error) {
			s, err := retry.WaitForStream(ctx, js, "THING", opts...)
			if err != nil {
				return "", err
			}
			return s.CachedInfo().Config.Name, nil
		},
		createStream,
	},
	"consumer": {
		func(ctx context.Context, js jetstream.JetStream, opts ...retry.Option) (string, error) {
			c, err := retry.WaitForConsumer(ctx, js, "THING", jetstream.ConsumerConfig{Durable: "reader"}, opts...)
			if err != nil {
				return "", err
			}
			return c.CachedInfo().Stream, nil
		},
		createStream,
	},
	"object store": {
		func(ctx context.Context, js jetstream.JetStream, opts ...retry.Option) (string, error) {
			store, err := retry.WaitForObjectStore(ctx, js, "THING", opts...)
			if err != nil {
				return "", err
			}
			status, err := store.Status(ctx)
			if err != nil {
				return "", err
			}
			return status.Bucket(), nil
		},
		func(ctx context.Context, js jetstream.JetStream) error {
			_, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "THING"})
			return err
		},
	},
}

func createStream(ctx context.Context, js jetstream.JetStream) error {
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "THING", Subjects: []string{"thing.>"}})
	return err
}

// waiting runs a wait and reports its attempts and its end.
type waiting struct {
	attempts chan retry.Attempt
	name     chan string
	err      chan error
}

func start(ctx context.Context, t *testing.T, r resource, js jetstream.JetStream, opts ...retry.Option) *waiting {
	t.Helper()
	w := &waiting{attempts: make(chan retry.Attempt, 1000), name: make(chan string, 1), err: make(chan error, 1)}
	go func() {
		name, err := r.wait(ctx, js, append(opts, retry.WithOnAttempt(func(a retry.Attempt) { w.attempts <- a }))...)
		w.name <- name
		w.err <- err
	}()
	return w
}

func (w *waiting) attempt(t *testing.T) retry.Attempt {
	t.Helper()
	select {
	case a := <-w.attempts:
		return a
	case <-time.After(generous):
		require.FailNow(t, "no attempt")
		return retry.Attempt{}
	}
}

// requireMissing returns after the first attempt that the server has answered.
func (w *waiting) requireMissing(t *testing.T) {
	t.Helper()
	missing := false
	for !missing {
		missing = isMissing(w.attempt(t).Err)
	}
}

func (w *waiting) requireFound(t *testing.T) {
	t.Helper()
	select {
	case name := <-w.name:
		require.NoError(t, <-w.err)
		require.Equal(t, "THING", name)
	case <-time.After(generous):
		require.FailNow(t, "not found")
	}
}

func TestMissingThingIsWaitedFor(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	for name, r := range resources {
		t.Run(name, func(t *testing.T) {
			js := newJetStream(t, broker.Connect())
			deleteAll(t, js)
			w := start(within(t), t, r, js, retry.WithBackoff(retry.Backoff{Min: 20 * time.Millisecond, Factor: 1}))
			for range 3 {
				err := w.attempt(t).Err
				require.True(t, isMissing(err), "not found is retried: %v", err)
			}
			require.NoError(t, r.create(within(t), js))
			w.requireFound(t)
		})
	}
}

func TestThingCreatedDuringALongPauseIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	for name, r := range resources {
		t.Run(name, func(t *testing.T) {
			nc := broker.Connect()
			js := newJetStream(t, nc)
			deleteAll(t, js)
			w := start(within(t), t, r, js, retry.WithBackoff(hour), retry.WithTransport(retry.FromNATS(nc)))
			require.Less(t, w.attempt(t).Wait, time.Minute)
			require.Equal(t, time.Hour, w.attempt(t).Wait)
			require.NoError(t, r.create(within(t), js))
			w.requireFound(t)
			require.Eventually(t, func() bool { return nc.NumSubscriptions() <= 1 }, generous, time.Millisecond,
				"only the reply inbox is left")
		})
	}
}

func TestBrokerThatStartsLaterIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, r := range resources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := jstest.NewBroker(t)
			nc := broker.Connect(nats.RetryOnFailedConnect(true))
			js := newJetStream(t, nc)
			w := start(within(t), t, r, js, retry.WithBackoff(hour), retry.WithTransport(retry.FromNATS(nc)))
			broker.Start()
			w.requireMissing(t)
			require.NoError(t, r.create(within(t), js))
			w.requireFound(t)
		})
	}
}

func TestBrokerThatStartsAfterAFailedAttemptEndsThePause(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	nc := broker.Connect(nats.RetryOnFailedConnect(true))
	js := newJetStream(t, nc)
	w := start(within(t), t, resources["bucket"], js, retry.WithTransport(retry.FromNATS(nc)),
		retry.WithBackoff(retry.Backoff{Min: time.Hour, Max: time.Hour}), retry.WithAttemptTimeout(10*time.Millisecond))
	first := w.attempt(t) // 5 s for the connection, then 10 ms for the attempt
	require.ErrorIs(t, first.Err, context.DeadlineExceeded)
	require.Equal(t, time.Hour, first.Wait)
	broker.Start()
	require.Equal(t, 2, w.attempt(t).N)
}

func TestRestartOfTheBrokerEndsThePauseAtOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*jstest.Broker){"killed": (*jstest.Broker).Kill, "stopped": (*jstest.Broker).Stop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := jstest.StartBroker(t)
			nc := broker.Connect()
			js := newJetStream(t, nc)
			w := start(within(t), t, resources["stream"], js, retry.WithTransport(retry.FromNATS(nc)),
				retry.WithBackoff(retry.Backoff{Min: time.Hour, Max: time.Hour}))
			require.Equal(t, time.Hour, w.attempt(t).Wait)
			end(broker)
			require.Eventually(t, func() bool { return !nc.IsConnected() }, generous, time.Millisecond)
			require.Empty(t, w.attempts, "the loss does not end it")
			broker.Start()
			second := w.attempt(t)
			require.Equal(t, 2, second.N)
			require.Error(t, second.Err)
		})
	}
}

func TestFinalErrorsOfALiveServerEndTheWait(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	nc := broker.Connect()
	js := newJetStream(t, nc)
	require.NoError(t, createStream(within(t), js))
	closed := broker.Connect()
	closedJS := newJetStream(t, closed)
	closed.Close()

	bucket := func(js jetstream.JetStream, name string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := retry.WaitForKV(ctx, js, name); return err }
	}
	store := func(js jetstream.JetStream, name string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := retry.WaitForObjectStore(ctx, js, name); return err }
	}
	stream := func(js jetstream.JetStream, name string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := retry.WaitForStream(ctx, js, name); return err }
	}
	consumer := func(js jetstream.JetStream, stream string, cfg jetstream.ConsumerConfig) func(context.Context) error {
		return func(ctx context.Context) error { _, err := retry.WaitForConsumer(ctx, js, stream, cfg); return err }
	}
	tests := map[string]struct {
		wait func(context.Context) error
		want error
	}{
		"bucket with a dot":             {bucket(js, "a.b"), jetstream.ErrInvalidBucketName},
		"bucket without a name":         {bucket(js, ""), jetstream.ErrInvalidBucketName},
		"bucket, closed":                {bucket(closedJS, "a"), nats.ErrConnectionClosed},
		"store with a blank":            {store(js, "a b"), jetstream.ErrInvalidStoreName},
		"store, closed":                 {store(closedJS, "a"), nats.ErrConnectionClosed},
		"stream with a wildcard":        {stream(js, "a*"), jetstream.ErrInvalidStreamName},
		"stream without a name":         {stream(js, ""), jetstream.ErrStreamNameRequired},
		"stream, closed":                {stream(closedJS, "a"), nats.ErrConnectionClosed},
		"consumer of a bad stream":      {consumer(js, "a.b", jetstream.ConsumerConfig{}), jetstream.ErrInvalidStreamName},
		"consumer with a dot":           {consumer(js, "THING", jetstream.ConsumerConfig{Durable: "a.b"}), jetstream.ErrInvalidConsumerName},
		"consumer, filter with a blank": {consumer(js, "THING", jetstream.ConsumerConfig{FilterSubject: "thing x"}), jetstream.ErrInvalidSubject},
		"consumer, filter with an empty token": {
			consumer(js, "THING", jetstream.ConsumerConfig{FilterSubject: "thing..x"}), jetstream.ErrInvalidSubject,
		},
		"consumer, filters with an empty token": {
			consumer(js, "THING", jetstream.ConsumerConfig{FilterSubjects: []string{"thing.a", "thing..x"}}), jetstream.ErrInvalidSubject,
		},
		"consumer, empty filter": {
			consumer(js, "THING", jetstream.ConsumerConfig{FilterSubjects: []string{"thing.a", ""}}), jetstream.ErrEmptyFilter,
		},
		"consumer, overlapping filters": {
			consumer(js, "THING", jetstream.ConsumerConfig{FilterSubjects: []string{"thing.>", "thing.a"}}), jetstream.ErrOverlappingFilterSubjects,
		},
		"consumer, both filters": {
			consumer(js, "THING", jetstream.ConsumerConfig{FilterSubject: "thing.a", FilterSubjects: []string{"thing.b"}}),
			jetstream.ErrDuplicateFilterSubjects,
		},
		"consumer, closed": {consumer(closedJS, "THING", jetstream.ConsumerConfig{}), nats.ErrConnectionClosed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.wait(within(t))
			require.ErrorIs(t, err, tt.want)
			require.True(t, retry.IsPermanent(err))
		})
	}
}

func TestConnectionClosedWhileWaitingEndsTheWait(t *testing.T) {
	t.Parallel()
	nc := jstest.StartBroker(t).Connect()
	w := start(within(t), t, resources["bucket"], newJetStream(t, nc),
		retry.WithBackoff(retry.Backoff{Min: 10 * time.Millisecond, Factor: 1}))
	require.True(t, isMissing(w.attempt(t).Err))
	nc.Close()
	<-w.name
	err := <-w.err
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	require.True(t, retry.IsPermanent(err))
}

func TestBrokerWithoutJetStreamIsWaitedOut(t *testing.T) {
	t.Parallel()
	js := newJetStream(t, jstest.StartBroker(t, jstest.WithoutJetStream()).Connect())
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	w := start(ctx, t, resources["stream"], js, retry.WithBackoff(retry.Backoff{Min: 10 * time.Millisecond, Factor: 1}))
	for range 3 {
		require.Error(t, w.attempt(t).Err)
	}
	cancel()
	<-w.name
	require.ErrorIs(t, <-w.err, context.Canceled)
}

func isMissing(err error) bool {
	return errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// deleteAll makes the broker of a table test empty again.
func deleteAll(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	names := js.StreamNames(within(t))
	for name := range names.Name() {
		require.NoError(t, js.DeleteStream(within(t), name))
	}
	require.NoError(t, names.Err())
}
