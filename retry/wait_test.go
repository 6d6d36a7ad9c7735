package retry

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// The real thing fits as it is.
var (
	_ KVSource          = jetstream.JetStream(nil)
	_ StreamSource      = jetstream.JetStream(nil)
	_ ConsumerSource    = jetstream.JetStream(nil)
	_ ObjectStoreSource = jetstream.JetStream(nil)
)

// sources answers every lookup with the next error of its list, then with success, and writes down what was asked for.
type sources struct {
	errs    []error
	created time.Time // before that: missing, whatever errs says
	asked   []string
	cfgs    []jetstream.ConsumerConfig
}

func (s *sources) next(name string) error {
	s.asked = append(s.asked, name)
	if time.Now().Before(s.created) {
		return jetstream.ErrStreamNotFound
	}
	if len(s.asked) > len(s.errs) {
		return nil
	}
	return s.errs[len(s.asked)-1]
}

func (s *sources) KeyValue(_ context.Context, bucket string) (jetstream.KeyValue, error) {
	return nil, s.next(bucket)
}

func (s *sources) Stream(_ context.Context, name string) (jetstream.Stream, error) {
	return nil, s.next(name)
}

func (s *sources) ObjectStore(_ context.Context, bucket string) (jetstream.ObjectStore, error) {
	return nil, s.next(bucket)
}

func (s *sources) CreateOrUpdateConsumer(_ context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	s.cfgs = append(s.cfgs, cfg)
	return nil, s.next(stream)
}

var consumerConfig = jetstream.ConsumerConfig{Durable: "replay", FilterSubjects: []string{"a", "b"}}

// waits calls each WaitFor function for the thing named THING.
var waits = map[string]struct {
	call   func(ctx context.Context, s *sources, opts ...Option) error
	what   string
	notice string
}{
	"kv": {func(ctx context.Context, s *sources, opts ...Option) error {
		_, err := WaitForKV(ctx, s, "THING", opts...)
		return err
	}, "kv THING", "$JS.EVENT.ADVISORY.STREAM.CREATED.KV_THING"},
	"stream": {func(ctx context.Context, s *sources, opts ...Option) error {
		_, err := WaitForStream(ctx, s, "THING", opts...)
		return err
	}, "stream THING", "$JS.EVENT.ADVISORY.STREAM.CREATED.THING"},
	"consumer": {func(ctx context.Context, s *sources, opts ...Option) error {
		_, err := WaitForConsumer(ctx, s, "THING", consumerConfig, opts...)
		return err
	}, "consumer THING/replay", "$JS.EVENT.ADVISORY.STREAM.CREATED.THING"},
	"object store": {func(ctx context.Context, s *sources, opts ...Option) error {
		_, err := WaitForObjectStore(ctx, s, "THING", opts...)
		return err
	}, "object_store THING", "$JS.EVENT.ADVISORY.STREAM.CREATED.OBJ_THING"},
}

func TestWaitForAsksUntilItIsThere(t *testing.T) {
	t.Parallel()
	for name, tt := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sources{errs: []error{jetstream.ErrStreamNotFound, context.DeadlineExceeded, jetstream.ErrBucketNotFound}}
				var what []string
				require.NoError(t, tt.call(t.Context(), s, WithOnAttempt(func(a Attempt) { what = append(what, a.What) })))
				require.Equal(t, []string{"THING", "THING", "THING", "THING"}, s.asked)
				require.Equal(t, []string{tt.what, tt.what, tt.what, tt.what}, what)
				if name == "consumer" {
					require.Equal(t, []jetstream.ConsumerConfig{consumerConfig, consumerConfig, consumerConfig, consumerConfig}, s.cfgs)
				}
			})
		})
	}
}

func TestWaitForEndsWithAFinalError(t *testing.T) {
	t.Parallel()
	for name, tt := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &sources{errs: []error{jetstream.ErrInvalidStreamName}}
			err := tt.call(t.Context(), s)
			require.ErrorIs(t, err, jetstream.ErrInvalidStreamName)
			require.True(t, IsPermanent(err))
			require.Len(t, s.asked, 1)
		})
	}
}

func TestConsumerIsNamedByNameOrDurable(t *testing.T) {
	t.Parallel()
	var what string
	_, err := WaitForConsumer(t.Context(), &sources{}, "S", jetstream.ConsumerConfig{Name: "n", Durable: "d"},
		WithOnAttempt(func(a Attempt) { what = a.What }))
	require.NoError(t, err)
	require.Equal(t, "consumer S/n", what)
}

func TestNoticeOfCreationShortensTheWait(t *testing.T) {
	t.Parallel()
	for name, tt := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(true)
				start := time.Now()
				s := &sources{created: start.Add(time.Hour)}
				time.AfterFunc(time.Hour, func() {
					w.deliver(tt.notice)
					w.deliver(tt.notice) // a second one changes nothing and blocks nobody
				})
				require.NoError(t, tt.call(t.Context(), s, WithTransport(w)))
				require.LessOrEqual(t, time.Since(start), time.Hour+1250*time.Millisecond)
				require.Equal(t, 1, w.subscribed, "once, whatever the number of attempts")
				require.Equal(t, 1, w.stopped)
			})
		})
	}
}

func TestNothingIsListenedForWithoutNeed(t *testing.T) {
	t.Parallel()
	tests := map[string]error{"found at once": nil, "broker is slow": context.DeadlineExceeded, "bad name": jetstream.ErrInvalidBucketName}
	for name, first := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(true)
				_, err := WaitForKV(t.Context(), &sources{errs: []error{first}}, "THING", WithTransport(w))
				require.Equal(t, IsPermanent(classify(first)), err != nil)
				require.Zero(t, w.subscribed)
			})
		})
	}
}

func TestWaitGoesOnWhereCreationCannotBeListenedFor(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, spoil := range map[string]func(w *wire){
		"subscribe fails": func(w *wire) { w.subscribeErr = refused },
		"stop fails":      func(w *wire) { w.stopErr = refused },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, log := newWire(true), &records{}
				spoil(w)
				s := &sources{errs: []error{jetstream.ErrBucketNotFound, jetstream.ErrBucketNotFound}}
				_, err := WaitForKV(t.Context(), s, "THING", WithTransport(w), WithLogger(slog.New(log)))
				require.NoError(t, err)
				require.Contains(t, log.levels(), slog.LevelInfo)
				require.Equal(t, 1, countLevel(log.levels(), slog.LevelWarn), "the missing bucket is the one warning")
			})
		})
	}
}

func countLevel(levels []slog.Level, want slog.Level) (n int) {
	for _, l := range levels {
		if l == want {
			n++
		}
	}
	return n
}
