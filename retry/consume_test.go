package retry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

var workStream = jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}}

var readerConfig = jetstream.ConsumerConfig{Durable: "reader", AckPolicy: jetstream.AckExplicitPolicy}

// tap is a running Consume that acks what comes and remembers it.
type tap struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
	asked  atomic.Int64 // requests for the consumer
	js     source

	mu  sync.Mutex
	got []string
	bad []retry.Attempt
	old int // messages that were delivered more than once
}

// source is a ConsumerSource with the abilities to look consumers up and to delete them.
type source interface {
	retry.ConsumerSource
	Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error)
	DeleteConsumer(ctx context.Context, stream, name string) error
}

func (c *tap) Consumer(ctx context.Context, stream, name string) (jetstream.Consumer, error) {
	return c.js.Consumer(ctx, stream, name)
}

func (c *tap) DeleteConsumer(ctx context.Context, stream, name string) error {
	return c.js.DeleteConsumer(ctx, stream, name)
}

func (c *tap) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	c.asked.Add(1)
	return c.js.CreateOrUpdateConsumer(ctx, stream, cfg)
}

func (c *tap) handle(_ context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, string(m.Data()))
	if meta.NumDelivered > 1 {
		c.old++
	}
	return m.Ack()
}

func (c *tap) attempt(a retry.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Err != nil {
		c.bad = append(c.bad, a)
	}
}

func (c *tap) count(data string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.got {
		if d == data {
			n++
		}
	}
	return n
}

func (c *tap) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func (c *tap) failed() []retry.Attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bad)
}

// await polls until data has come.
func (c *tap) await(data string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return c.count(data) > 0 }, generous, 2*time.Millisecond, "%s has not come", data)
}

func (c *tap) stop() {
	c.t.Helper()
	c.cancel()
	require.ErrorIs(c.t, c.end(), context.Canceled)
}

func (c *tap) end() error {
	err := <-c.ended
	c.ended <- err
	return err
}

// consume runs until the end of the test, or stop.
func consume(t *testing.T, js source, cfg retry.ConsumerConfig, opts ...retry.Option) *tap {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &tap{t: t, cancel: cancel, ended: make(chan error, 1), js: js}
	opts = append([]retry.Option{
		retry.WithBackoff(retry.Backoff{Min: 50 * time.Millisecond, Max: time.Second, Factor: 2}),
		retry.WithReopenSpread(20 * time.Millisecond), retry.WithOnAttempt(c.attempt),
		retry.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	}, opts...)
	go func() { c.ended <- retry.Consume(ctx, c, "WORK", cfg, c.handle, opts...) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-c.ended:
			c.ended <- err
		case <-time.After(generous):
			t.Error("Consume does not end with its context")
		}
	})
	return c
}

func putStream(t *testing.T, js jetstream.JetStream, cfg jetstream.StreamConfig) {
	t.Helper()
	_, err := js.CreateStream(within(t), cfg)
	require.NoError(t, err)
}

func put(t *testing.T, js jetstream.JetStream, subject, data string) {
	t.Helper()
	_, err := js.Publish(within(t), subject, []byte(data))
	require.NoError(t, err)
}

// changing is a configuration that a test changes.
type changing struct {
	mu      sync.Mutex
	cfg     jetstream.ConsumerConfig
	changed chan struct{}
}

func newChanging(cfg jetstream.ConsumerConfig) *changing {
	return &changing{cfg: cfg, changed: make(chan struct{})}
}

func (c *changing) get() (jetstream.ConsumerConfig, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg, c.changed
}

func (c *changing) set(cfg jetstream.ConsumerConfig) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg = cfg
	close(c.changed)
	c.changed = make(chan struct{})
}

func filtered(subjects ...string) jetstream.ConsumerConfig {
	cfg := readerConfig
	cfg.FilterSubjects = subjects
	return cfg
}

func TestConsumeTakesNewFiltersWithoutLossOrRepeat(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	cfg := newChanging(filtered("work.a"))
	c := consume(t, js, cfg.get, retry.WithTransport(retry.FromNATS(nc)))
	put(t, js, "work.a", "a1")
	c.await("a1")
	cfg.set(filtered("work.a")) // says nothing new
	cfg.set(filtered("work.a", "work.b"))
	require.Eventually(t, func() bool { return len(filtersOnServer(t, js)) == 2 }, generous, time.Millisecond)
	put(t, js, "work.b", "b1")
	c.await("b1")
	cfg.set(filtered("work.b"))
	require.Eventually(t, func() bool { return len(filtersOnServer(t, js)) == 1 }, generous, time.Millisecond)
	put(t, js, "work.a", "a2")
	put(t, js, "work.b", "b2")
	c.await("b2")
	require.Equal(t, []string{"a1", "b1", "b2"}, c.all())
	require.EqualValues(t, 3, c.asked.Load(), "one request for each set of filters")
}

func filtersOnServer(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	consumer, err := js.Consumer(within(t), "WORK", "reader")
	require.NoError(t, err)
	cfg := consumer.CachedInfo().Config
	if cfg.FilterSubject != "" {
		return []string{cfg.FilterSubject}
	}
	return cfg.FilterSubjects
}

// A burst runs while the filters change: what is on its way is neither lost nor delayed by the ack wait.
func TestConsumeLosesNothingWhileFiltersChange(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	cfg := newChanging(filtered("work.a", "work.0"))
	c := consume(t, js, cfg.get, retry.WithTransport(retry.FromNATS(nc)))
	const messages, changes = 2000, 10
	for n := range messages {
		_, err := js.PublishAsync("work.a", []byte{byte(n >> 8), byte(n)})
		require.NoError(t, err)
		if n%(messages/changes) == 0 {
			cfg.set(filtered("work.a", "work."+string(rune('0'+n*changes/messages))))
		}
	}
	require.Eventually(t, func() bool { return len(c.all()) >= messages }, generous, time.Millisecond)
	got := c.all()
	slices.Sort(got)
	require.Len(t, slices.Compact(got), messages)
	t.Logf("%d messages in %d deliveries, %d requests for the consumer, %d deliveries of what had come before", messages, len(c.all()), c.asked.Load(), c.old)
	require.LessOrEqual(t, c.asked.Load(), int64(changes+2))
}

// The consumer of the reference release has one filter for everything and no inactivity threshold.
func TestConsumeUpdatesAnOlderConsumerInPlace(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	ctx := within(t)
	putStream(t, js, jetstream.StreamConfig{Name: "WORK", Subjects: []string{"work.>"}, MaxMsgsPerSubject: 1})
	older, err := js.CreateConsumer(ctx, "WORK", jetstream.ConsumerConfig{
		Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "work.>",
	})
	require.NoError(t, err)
	put(t, js, "work.all", "acked")
	m, err := older.Next()
	require.NoError(t, err)
	require.NoError(t, m.DoubleAck(ctx))
	put(t, js, "work.me", "waiting")

	for name, cfg := range map[string]jetstream.ConsumerConfig{
		"same start":    {Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy},
		"other start":   {Durable: "reader", DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy},
		"other waiting": {Durable: "reader", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy, MaxWaiting: 7},
	} {
		cfg.FilterSubjects = []string{"work.all", "work.me"}
		cfg.InactiveThreshold = 30 * 24 * time.Hour
		cfg.AckWait = 2 * time.Second // what reaches the pull of the Consume before is lost for so long
		put(t, js, "work.me", name)
		c := consume(t, js, retry.FixedConsumer(cfg), retry.WithTransport(retry.FromNATS(nc)))
		c.await(name)
		require.NotContains(t, c.all(), "acked")
		require.Len(t, filtersOnServer(t, js), 2, name)
		c.stop()
	}
}

// What cannot be cured without losing the place in the stream is waited out: nothing is deleted.
func TestConsumeWaitsUntilAPushConsumerOfItsNameIsGone(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	_, err := js.CreatePushConsumer(within(t), "WORK", jetstream.ConsumerConfig{
		Durable: "reader", DeliverSubject: "elsewhere", AckPolicy: jetstream.AckExplicitPolicy,
	})
	require.NoError(t, err)
	put(t, js, "work.a", "waits")
	c := consume(t, js, retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
	require.Eventually(t, func() bool { return len(c.failed()) >= 3 }, generous, time.Millisecond)
	t.Log(c.failed()[0].Err)
	require.NoError(t, js.DeleteConsumer(within(t), "WORK", "reader"))
	c.await("waits")
}

func TestConsumeGivesBackWhatWasNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		_, err = fake.JetStream().Publish(ctx, "work.a", nil)
		require.NoError(t, err)
		var at []time.Duration
		begin, ended := time.Now(), make(chan error)
		go func() {
			ended <- retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				at = append(at, time.Since(begin))
				if len(at) <= 4 {
					return errors.New("no room")
				}
				return m.Ack()
			}, retry.WithBackoff(retry.Backoff{Min: time.Second, Max: 4 * time.Second, Factor: 2}))
		}()
		time.Sleep(time.Hour)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Equal(t, []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 11 * time.Second}, at)
	})
}

func TestConsumeHandsOverNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		for range 10 {
			_, err = fake.JetStream().Publish(ctx, "work.a", nil)
			require.NoError(t, err)
		}
		handled := 0
		err = retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(ctx context.Context, _ jetstream.Msg) error {
			handled++
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}, retry.WithTransport(fake.Conn()))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "consumer WORK/reader")
		require.Equal(t, 1, handled)
	})
}

// What is pulled and not handled when a process ends is for the next one, and not after the ack wait, an hour here.
func TestConsumeLeavesNothingBehindForTheAckWait(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	slow := readerConfig
	slow.AckWait = time.Hour
	handling, ctx := make(chan struct{}), within(t)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		ended <- retry.Consume(ctx, js, "WORK", retry.FixedConsumer(slow), func(ctx context.Context, _ jetstream.Msg) error {
			close(handling)
			<-ctx.Done()
			return ctx.Err()
		}, retry.WithTransport(retry.FromNATS(nc)))
	}()
	const waiting = 20
	for n := range waiting {
		put(t, js, "work.a", fmt.Sprint(n))
	}
	<-handling
	require.Eventually(t, func() bool {
		c, err := js.Consumer(t.Context(), "WORK", "reader")
		return err == nil && c.CachedInfo().NumAckPending == waiting
	}, generous, time.Millisecond, "all are pulled")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	c := consume(t, js, retry.FixedConsumer(slow))
	for n := range waiting {
		c.await(fmt.Sprint(n))
	}
}

func TestConsumePausesMoreAndMoreWhenItFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.JetStream().CreateStream(ctx, workStream)
		require.NoError(t, err)
		fake.Fail(jstest.OpMessages, errors.New("broken"), 7)
		var failures []retry.Attempt
		ended, got := make(chan error), make(chan struct{})
		go func() {
			ended <- retry.Consume(ctx, fake.JetStream(), "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				close(got)
				return m.Ack()
			}, retry.WithBackoff(retry.Backoff{Min: time.Second, Max: 8 * time.Second, Factor: 2}), retry.WithReopenSpread(0),
				retry.WithOnAttempt(func(a retry.Attempt) {
					if a.Err != nil {
						failures = append(failures, a)
					}
				}))
		}()
		_, err = fake.JetStream().Publish(ctx, "work.a", nil)
		require.NoError(t, err)
		<-got
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		var waits []time.Duration
		for n, a := range failures {
			require.Equal(t, n+1, a.N)
			waits = append(waits, a.Wait/time.Second)
		}
		require.Equal(t, []time.Duration{0, 1, 2, 4, 8, 8, 8}, waits)
	})
}

// What nats-server does meanwhile is told at removalTime. Made anew at once, 100 of 300 consumers lost their folder.
func TestConsumeLeavesADeletedConsumerAloneUntilTheServerHasRemovedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		js := jstest.NewFake().JetStream()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := js.CreateStream(ctx, workStream)
		require.NoError(t, err)
		ended := make(chan error)
		go func() {
			ended <- retry.Consume(ctx, js, "WORK", retry.FixedConsumer(readerConfig), func(_ context.Context, m jetstream.Msg) error {
				return m.Ack()
			}, retry.WithReopenSpread(0))
		}()
		for range 3 {
			synctest.Wait()
			require.NoError(t, js.DeleteConsumer(ctx, "WORK", "reader"))
			time.Sleep(2*time.Second - time.Nanosecond)
			_, err = js.Consumer(ctx, "WORK", "reader")
			require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
			time.Sleep(time.Minute)
			_, err = js.Consumer(ctx, "WORK", "reader")
			require.NoError(t, err)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestConsumeEndsEarlyOnlyForWhatNoAttemptCanCure(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	never := func(context.Context, jetstream.Msg) error { return errors.New("not called") }
	for want, cfg := range map[error]jetstream.ConsumerConfig{
		jetstream.ErrInvalidConsumerName:       {Durable: "a.b"},
		jetstream.ErrInvalidSubject:            {Durable: "reader", FilterSubjects: []string{"work..a"}},
		jetstream.ErrOverlappingFilterSubjects: {Durable: "reader", FilterSubjects: []string{"work.a", "work.*"}},
	} {
		err := retry.Consume(within(t), js, "WORK", retry.FixedConsumer(cfg), never)
		require.ErrorIs(t, err, want)
		require.True(t, retry.IsPermanent(err))
	}
	c := consume(t, js, retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
	put(t, js, "work.a", "read")
	c.await("read")
	nc.Close()
	err := c.end()
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	require.True(t, retry.IsPermanent(err))
}

// A denied request is silence: it is tried again, and not waited for.
func TestConsumeWithoutPermissionKeepsTrying(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithConfig(`
		no_auth_user: reader
		authorization { users: [
			{user: admin, password: admin},
			{user: reader, password: reader, permissions: {publish: {deny: "$JS.API.CONSUMER.CREATE.>"}}},
		] }`))
	admin := newJetStream(t, b.Connect(nats.UserInfo("admin", "admin")))
	putStream(t, admin, workStream)
	nc := b.Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	for _, row := range []struct {
		opts []retry.Option
		want error
	}{
		{[]retry.Option{retry.WithTransport(retry.FromNATS(nc)), retry.WithAttemptTimeout(0)}, nats.ErrPermissionViolation}, // it is told
		{[]retry.Option{retry.WithAttemptTimeout(50 * time.Millisecond)}, context.DeadlineExceeded},
	} {
		c := consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), row.opts...)
		require.Eventually(t, func() bool { return len(c.failed()) >= 3 }, generous, time.Millisecond)
		require.ErrorIs(t, c.failed()[0].Err, row.want)
		c.stop()
	}
}
