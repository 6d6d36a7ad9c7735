package retry_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

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
	t.Logf("%d messages in %d deliveries, %d requests for the consumer, %d deliveries of what had come before", messages, len(c.all()), c.asked.Load(), c.again())
	require.LessOrEqual(t, c.asked.Load(), int64(changes+2))
}
