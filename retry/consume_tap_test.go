package retry_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
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

// again is how many deliveries were not the first of their message.
func (c *tap) again() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.old
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

// awaitStream is putStream where the broker may not answer the first request.
func awaitStream(t *testing.T, js jetstream.JetStream, cfg jetstream.StreamConfig) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := js.CreateStream(t.Context(), cfg); return err == nil }, generous, 10*time.Millisecond)
}

func put(t *testing.T, js jetstream.JetStream, subject, data string) {
	t.Helper()
	_, err := js.Publish(within(t), subject, []byte(data))
	require.NoError(t, err)
}
