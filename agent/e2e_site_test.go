package agent_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

const pcID = "PC-1"

// patience is for things that happen at once on an idle machine.
const patience = 60 * time.Second

// answerTime is how long one answer of the broker may take on a machine that is busy. A request that was lost with
// its connection gets none, and there is still time for another.
const answerTime = patience / 3

func newConfig(t testing.TB, url string) agent.Config {
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Servers = pcID, t.TempDir(), []string{url}
	return cfg
}

// startAgent runs an agent until the test ends, or until the returned function
// is called.
func startAgent(t testing.TB, cfg agent.Config, opts ...agent.Option) (*agent.Agent, func()) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := agent.New(cfg, append([]agent.Option{agent.WithLogger(log)}, opts...)...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return a, stop
}

func ready(t testing.TB, a *agent.Agent) {
	t.Helper()
	select {
	case <-a.Ready():
	case <-time.After(patience):
		require.Fail(t, "the agent does not take commands")
	}
}

// createStreams creates what the backend creates.
func createStreams(t testing.TB, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(answerTime))
	require.NoError(t, err)
	for _, cfg := range streamConfigs() {
		_, err := js.CreateOrUpdateStream(t.Context(), cfg)
		require.NoError(t, err)
	}
	for _, cfg := range bucketConfigs() {
		_, err := js.CreateOrUpdateKeyValue(t.Context(), cfg)
		require.NoError(t, err)
	}
	return js
}

// streamConfigs are the streams as the backend makes them.
func streamConfigs() (all []jetstream.StreamConfig) {
	for _, s := range wire.Streams() {
		all = append(all, jetstream.StreamConfig{
			Name: s.Name, Subjects: s.Subjects, MaxAge: s.MaxAge, MaxMsgsPerSubject: s.MaxMsgsPerSubject,
		})
	}
	return all
}

// bucketConfigs are the buckets as the backend makes them.
func bucketConfigs() (all []jetstream.KeyValueConfig) {
	for _, b := range wire.Buckets() {
		all = append(all, jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
	}
	return all
}

// backend is the other side of the wire: a plain NATS client.
type backend struct {
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
}

func newBackend(t *testing.T, b *jstest.Broker) *backend {
	t.Helper()
	nc := b.Connect()
	return &backend{t: t, nc: nc, js: createStreams(t, nc)}
}

func sh(requestID, script string) wire.Command {
	return wire.Command{ID: "job", Version: "1", RequestID: requestID, Shell: "sh", Script: script, TimeoutSecs: 60}
}

func (b *backend) send(c wire.Command) {
	b.t.Helper()
	if c.Shell == "sh" {
		needsSh(b.t) // a test that says so earlier waits for less
	}
	data, err := c.Encode()
	require.NoError(b.t, err)
	require.NoError(b.t, b.nc.Publish(wire.CommandsPC(pcID), data))
}

// countResults is how many results of a request are stored.
func (b *backend) countResults(ctx context.Context, requestID string) (int, error) {
	stream, err := b.js.Stream(ctx, wire.StreamResults)
	if err != nil {
		return 0, err
	}
	subject := wire.ResultSubject(requestID)
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, err
	}
	return int(info.State.Subjects[subject]), nil
}

// consumers counts those of all streams.
func (b *backend) consumers() (n int) {
	b.t.Helper()
	streams := b.js.ListStreams(b.t.Context())
	for info := range streams.Info() {
		n += info.State.Consumers
	}
	require.NoError(b.t, streams.Err())
	return n
}

// results returns everything stored for a request. It asks again for what a broker that was just restarted has not
// answered: the backend may have written to the former one.
func (b *backend) results(requestID string) []wire.Result {
	b.t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		found, err := b.readResults(requestID)
		if err == nil {
			return found
		}
		require.Less(b.t, time.Now(), until, "%v", err)
	}
}

func (b *backend) readResults(requestID string) (all []wire.Result, err error) {
	stream, err := b.js.Stream(b.t.Context(), wire.StreamResults)
	if err != nil {
		return nil, err
	}
	subject := wire.ResultSubject(requestID)
	info, err := stream.Info(b.t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		return nil, err
	}
	for seq, left := uint64(1), info.State.Subjects[subject]; left > 0; left-- {
		msg, err := stream.GetMsg(b.t.Context(), seq, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return nil, err
		}
		r, err := wire.DecodeResult(msg.Data)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		seq = msg.Sequence + 1
	}
	return all, nil
}

// result waits for the first result of a request.
func (b *backend) result(requestID string) wire.Result {
	b.t.Helper()
	var found []wire.Result
	require.Eventually(b.t, func() bool {
		found = b.results(requestID)
		return len(found) > 0
	}, patience, 5*time.Millisecond, "no result of %s", requestID)
	return found[0]
}

// last waits for a message on a subject and returns its data.
func (b *backend) last(stream, subject string) []byte {
	b.t.Helper()
	var data []byte
	require.Eventually(b.t, func() bool {
		s, err := b.js.Stream(b.t.Context(), stream)
		if err != nil {
			return false
		}
		msg, err := s.GetLastMsgForSubject(b.t.Context(), subject)
		if err == nil {
			data = msg.Data
		}
		return err == nil
	}, patience, 5*time.Millisecond, "nothing on %s", subject)
	return data
}
