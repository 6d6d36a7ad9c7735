package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// refusal is how nats-server passes an error of its file system on.
func refusal(description string) error {
	return &jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeConsumerCreate, Description: description}
}

const metaFile = "/data/jetstream/$G/streams/WORK/obs/reader/meta.inf.tmp"

var folderLost = refusal("open " + metaFile + ": no such file or directory")

// What Consume rests on: the refusals of the tests below are the server's, and such a consumer has no durable place.
func TestServerForgetsAConsumerWithoutFolder(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := newJetStream(t, b.Connect())
	putStream(t, js, workStream)
	put(t, js, "work.a", "1")
	put(t, js, "work.a", "2")
	reader, err := js.CreateConsumer(within(t), "WORK", readerConfig)
	require.NoError(t, err)
	m, err := reader.Next()
	require.NoError(t, err)
	require.NoError(t, m.DoubleAck(within(t)))

	b.LoseConsumer("WORK", "reader")
	for _, cfg := range []jetstream.ConsumerConfig{readerConfig, filtered("work.a")} {
		_, err = js.CreateOrUpdateConsumer(within(t), "WORK", cfg)
		var got, want *jetstream.APIError
		require.ErrorAs(t, err, &got)
		require.ErrorAs(t, folderLost, &want)
		require.Equal(t, want.Code, got.Code)
		require.Equal(t, want.ErrorCode, got.ErrorCode)
		require.Contains(t, strings.ReplaceAll(got.Description, `\`, "/"), "WORK/obs/reader/"+path.Base(metaFile)+": ")
		t.Log(err)
	}
	m, err = reader.Next()
	require.NoError(t, err, "it still delivers")
	require.NoError(t, m.DoubleAck(within(t)))
	b.Restart()
	require.Eventually(t, func() bool {
		_, err = js.Consumer(t.Context(), "WORK", "reader")
		return errors.Is(err, jetstream.ErrConsumerNotFound)
	}, generous, 10*time.Millisecond, "the server remembers")
}

// What the server fills in must not pass for a difference.
func TestConsumeUsesAConsumerWithoutFolderAsTheServerHasIt(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := newJetStream(t, b.Connect())
	putStream(t, js, workStream)
	put(t, js, "work.a", "waits")
	_, err := js.UpdateStream(within(t), jetstream.StreamConfig{
		Name: "WORK", Subjects: workStream.Subjects, ConsumerLimits: jetstream.StreamConsumerLimits{InactiveThreshold: 2 * time.Hour, MaxAckPending: 50},
	})
	require.NoError(t, err)
	for name, cfg := range map[string]jetstream.ConsumerConfig{
		"least":      {AckPolicy: jetstream.AckExplicitPolicy},
		"one-filter": {AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "work.a"},
		"backoff": {
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxDeliver: 3, BackOff: []time.Duration{5 * time.Second, time.Minute},
		},
		"out-of-range": {AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -7},
		"no-acks":      {AckPolicy: jetstream.AckNonePolicy},
		"many-fields": {
			Description: "a test", DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: 30 * time.Second, MaxDeliver: -1, FilterSubjects: []string{"work.b", "work.a"}, MaxAckPending: 7,
			InactiveThreshold: time.Hour, Metadata: map[string]string{"of": "a test"}, MaxRequestBatch: 500,
		},
		"pinned": {AckPolicy: jetstream.AckExplicitPolicy, PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"g"}},
	} {
		cfg.Durable = name
		made, err := js.CreateConsumer(within(t), "WORK", cfg)
		require.NoError(t, err)
		created := made.CachedInfo().Created
		b.LoseConsumer("WORK", name)
		var opts []retry.Option
		for _, group := range cfg.PriorityGroups {
			opts = append(opts, retry.WithPull(jetstream.PullPriorityGroup(group)))
		}
		c := consume(t, js, retry.FixedConsumer(cfg), opts...)
		c.await("waits")
		c.stop()
		now, err := made.Info(within(t))
		require.NoError(t, err)
		require.True(t, created.Equal(now.Created), "%s was made anew", name)
	}
}

// shop is a fake JetStream that remembers what Consume does to the consumer. With a refusal it refuses every update of an
// existing one.
type shop struct {
	*jstest.JetStream
	refusal, deletion error

	mu      sync.Mutex
	made    []time.Time
	deleted []time.Time
}

func (s *shop) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	s.mu.Lock()
	refusal := s.refusal
	s.mu.Unlock()
	if refusal != nil {
		if _, err := s.Consumer(ctx, stream, cfg.Durable); err == nil {
			return nil, refusal
		}
	}
	c, err := s.JetStream.CreateOrUpdateConsumer(ctx, stream, cfg)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.made = append(s.made, time.Now())
	}
	return c, err
}

// refuse changes what an update is refused with; nil: it is not.
func (s *shop) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

func (s *shop) DeleteConsumer(ctx context.Context, stream, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, time.Now())
	if s.deletion != nil {
		return s.deletion
	}
	return s.JetStream.DeleteConsumer(ctx, stream, name)
}

// times is how often the consumer was made or updated.
func (s *shop) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.made)
}

// newShop has a message, and the consumer that another program has left.
func newShop(t *testing.T, fake *jstest.Fake, cfg jetstream.ConsumerConfig) *shop {
	t.Helper()
	s := &shop{JetStream: fake.JetStream()}
	_, err := s.CreateStream(t.Context(), workStream)
	require.NoError(t, err)
	_, err = s.JetStream.CreateOrUpdateConsumer(t.Context(), "WORK", cfg)
	require.NoError(t, err)
	_, err = s.Publish(t.Context(), "work.a", nil)
	require.NoError(t, err)
	return s
}

// consume reads for as long as during takes, and returns how many messages came and what was said.
func (s *shop) consume(t *testing.T, cfg retry.ConsumerConfig, during func(), opts ...retry.Option) (handled int, said string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	opts = append([]retry.Option{retry.WithReopenSpread(0), retry.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))}, opts...)
	ended := make(chan error)
	go func() {
		ended <- retry.Consume(ctx, s, "WORK", cfg, func(_ context.Context, m jetstream.Msg) error {
			handled++
			return m.Ack()
		}, opts...)
	}()
	during()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	return handled, log.String()
}

func (s *shop) filters(t *testing.T) []string {
	t.Helper()
	c, err := s.Consumer(t.Context(), "WORK", "reader")
	require.NoError(t, err)
	return c.CachedInfo().Config.FilterSubjects
}

func forMinutes(n int) func() { return func() { time.Sleep(time.Duration(n) * time.Minute) } }

func TestConsumeMakesAConsumerWithoutFolderAnew(t *testing.T) {
	for what, text := range map[string]string{
		"unix":    "open " + metaFile + ": no such file or directory",
		"windows": `open D:\store\jetstream\$G\streams\WORK\obs\reader\meta.inf.tmp: The system cannot find the path specified.`,
		"wine":    `open Z:\store\jetstream\$G\streams\WORK\obs\reader\meta.inf.tmp: Path not found.`,
		"later":   "open /data/jetstream/$G/streams/WORK/obs/reader/meta.sum.tmp: no such file or directory",
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := jstest.NewFake()
				s := newShop(t, fake, filtered("work.b"))
				fake.Fail(jstest.OpConsumer, refusal(text), 1)
				handled, said := s.consume(t, retry.FixedConsumer(filtered("work.a")), forMinutes(1))
				require.Equal(t, 1, handled)
				require.Len(t, s.deleted, 1)
				require.Len(t, s.made, 1)
				require.Equal(t, 2*time.Second, s.made[0].Sub(s.deleted[0]))
				require.Equal(t, []string{"work.a"}, s.filters(t))
				require.Equal(t, 1, strings.Count(said, "level=WARN"), said)
				require.Contains(t, said, "made anew")
			})
		})
	}
}

// Everything that fails otherwise may pass, with the consumer's place unharmed.
func TestConsumeDeletesNoConsumerForAnythingElse(t *testing.T) {
	for what, err := range map[string]error{
		"disk full":          refusal("write " + metaFile + ": no space left on device"),
		"permission":         refusal("open " + metaFile + ": permission denied"),
		"too many files":     refusal("open " + metaFile + ": too many open files"),
		"another language":   refusal("open " + metaFile + ": Das System kann den angegebenen Pfad nicht finden."),
		"another file":       refusal("open /data/jetstream/$G/streams/WORK/msgs/index.db: no such file or directory"),
		"a file of the name": refusal("meta.inf: no such file or directory, and more"),
		"store closed":       refusal("store is closed"),
		"bad update":         refusal("ack policy can not be updated"),
		"creation":           refusal("error creating store for consumer"),
		"another code":       &jetstream.APIError{Code: 500, ErrorCode: 10104, Description: "open " + metaFile + ": no such file or directory"},
		"text of no server":  errors.New("open " + metaFile + ": no such file or directory"),
		"name in use":        &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeConsumerNameExists, Description: "consumer name already in use"},
		"no leader":          &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"},
		"consumer not found": jetstream.ErrConsumerNotFound,
		"stream not found":   jetstream.ErrStreamNotFound,
		"no JetStream":       jetstream.ErrJetStreamNotEnabled,
		"nobody answers":     nats.ErrNoResponders,
		"timeout":            context.DeadlineExceeded,
		"denied":             nats.ErrPermissionViolation,
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, jstest.NewFake(), filtered("work.b"))
				s.refusal = err
				attempts := 0
				handled, _ := s.consume(t, retry.FixedConsumer(filtered("work.a")), forMinutes(60), retry.WithOnAttempt(func(a retry.Attempt) {
					attempts++
					require.ErrorIs(t, a.Err, err)
				}))
				require.Zero(t, handled)
				require.Greater(t, attempts, 10)
				require.Empty(t, s.deleted)
				require.Empty(t, s.made)
				require.Equal(t, []string{"work.b"}, s.filters(t))
			})
		})
	}
}

// A consumer that cannot be stored and is what it should be is read, whatever is the matter with its store.
func TestConsumeUsesAConsumerThatTheServerCannotStore(t *testing.T) {
	existing := filtered("work.a", "work.b")
	existing.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	existing.AckWait = 7 * time.Second
	with := func(change func(*jetstream.ConsumerConfig)) jetstream.ConsumerConfig {
		cfg := existing
		change(&cfg)
		return cfg
	}
	for what, row := range map[string]struct {
		cfg     jetstream.ConsumerConfig
		refusal error
		used    bool
	}{
		"the same":            {existing, folderLost, true},
		"disk full":           {existing, refusal("write " + metaFile + ": no space left on device"), true},
		"name only":           {with(func(c *jetstream.ConsumerConfig) { c.Name, c.Durable = c.Durable, "" }), folderLost, true},
		"order of filters":    {with(func(c *jetstream.ConsumerConfig) { c.FilterSubjects = []string{"work.b", "work.a"} }), folderLost, true},
		"other start":         {with(func(c *jetstream.ConsumerConfig) { c.DeliverPolicy = jetstream.DeliverAllPolicy }), folderLost, true},
		"defaults":            {with(func(c *jetstream.ConsumerConfig) { c.AckWait, c.MaxDeliver = 0, -3 }), folderLost, true},
		"another description": {with(func(c *jetstream.ConsumerConfig) { c.Description = "new" }), folderLost, true},
		"empty lists":         {with(func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{} }), folderLost, true},
		"another filter":      {with(func(c *jetstream.ConsumerConfig) { c.FilterSubjects = []string{"work.a", "work.c"} }), folderLost, false},
		"one filter less":     {with(func(c *jetstream.ConsumerConfig) { c.FilterSubjects = []string{"work.a"} }), folderLost, false},
		"no filter":           {with(func(c *jetstream.ConsumerConfig) { c.FilterSubjects = nil }), folderLost, false},
		"ack policy":          {with(func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy }), folderLost, false},
		"ack wait":            {with(func(c *jetstream.ConsumerConfig) { c.AckWait = time.Minute }), folderLost, false},
		"deliveries":          {with(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 3 }), folderLost, false},
		"inactive threshold":  {with(func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour }), folderLost, false},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := jstest.NewFake()
				s := newShop(t, fake, existing)
				fake.Fail(jstest.OpConsumer, row.refusal, 1)
				handled, said := s.consume(t, retry.FixedConsumer(row.cfg), forMinutes(1))
				require.Equal(t, 1, handled)
				require.Equal(t, row.used, len(s.deleted) == 0)
				require.Equal(t, 1, strings.Count(said, "level=WARN"), said)
			})
		})
	}
}

func TestConsumeSaysOnceThatTheServerCannotStoreTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		s := newShop(t, fake, readerConfig)
		s.refusal = folderLost
		handled, said := s.consume(t, retry.FixedConsumer(readerConfig), func() {
			for range 5 {
				time.Sleep(time.Minute)
				fake.Disconnect()
				fake.Reconnect()
				_, err := s.Publish(t.Context(), "work.a", nil)
				require.NoError(t, err)
			}
			time.Sleep(time.Minute)
		}, retry.WithTransport(fake.Conn()))
		require.Equal(t, 6, handled, said)
		require.Equal(t, 1, strings.Count(said, "level=WARN"), said)
		require.Contains(t, said, "used as it is")
		require.Empty(t, s.deleted)
	})
}

// The cause may be there still, or be another program that does the same.
func TestConsumeDeletesAConsumerNotTooOften(t *testing.T) {
	for what, deletion := range map[string]error{"deleted each time": nil, "nobody answers": context.DeadlineExceeded} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, jstest.NewFake(), filtered("work.b"))
				s.refusal, s.deletion = folderLost, deletion
				cfg := newChanging(filtered("work.a"))
				s.consume(t, cfg.get, func() {
					for n := range 3600 {
						time.Sleep(time.Second)
						cfg.set(filtered("work.a", fmt.Sprint("work.", n)))
					}
				}, retry.WithBackoff(retry.Backoff{Min: time.Second, Factor: 1}))
				require.Greater(t, len(s.deleted), 40, "it never gives up")
				for n, at := range s.deleted[1:] {
					least := min(time.Minute, 4*time.Second<<min(n, 4)) * 3 / 4
					require.GreaterOrEqual(t, at.Sub(s.deleted[n]), least, "deletion %d", n+2)
				}
				for n, at := range s.made {
					require.GreaterOrEqual(t, at.Sub(s.deleted[n]), 2*time.Second)
				}
			})
		})
	}
}

// A reconnect ends a pause, and must not end this one.
func TestConsumeLeavesADeletedConsumerAloneOverAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		s := newShop(t, fake, readerConfig)
		s.consume(t, retry.FixedConsumer(readerConfig), func() {
			synctest.Wait()
			require.NoError(t, s.JetStream.DeleteConsumer(t.Context(), "WORK", "reader"))
			synctest.Wait()
			fake.Disconnect()
			fake.Reconnect()
			time.Sleep(2*time.Second - time.Nanosecond)
			require.Equal(t, 1, s.times(), "made anew too early")
			time.Sleep(time.Minute)
			require.Equal(t, 2, s.times())
		}, retry.WithTransport(fake.Conn()))
	})
}
