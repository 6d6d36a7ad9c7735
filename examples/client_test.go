package examples_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// client is a NATS client that knows nothing of the agent but its wire.
type client struct {
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
}

func connect(t *testing.T, url string) *client {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return &client{t: t, nc: nc, js: js}
}

func (c *client) createStreams() {
	c.t.Helper()
	for _, s := range wire.Streams() {
		_, err := c.js.CreateStream(c.t.Context(), jetstream.StreamConfig{
			Name: s.Name, Subjects: s.Subjects, MaxAge: s.MaxAge, MaxMsgsPerSubject: s.MaxMsgsPerSubject,
		})
		require.NoError(c.t, err)
	}
}

// requireContract checks that everything a backend creates is there.
func (c *client) requireContract() {
	c.t.Helper()
	for _, s := range wire.Streams() {
		stream, err := c.js.Stream(c.t.Context(), s.Name)
		require.NoError(c.t, err, s.Name)
		cfg := stream.CachedInfo().Config
		got := wire.StreamSpec{
			Name: cfg.Name, Subjects: cfg.Subjects, MaxAge: cfg.MaxAge, MaxMsgsPerSubject: cfg.MaxMsgsPerSubject,
		}
		require.Equal(c.t, s, got)
	}
	for _, b := range wire.Buckets() {
		bucket, err := c.js.KeyValue(c.t.Context(), b.Name)
		require.NoError(c.t, err, b.Name)
		status, err := bucket.Status(c.t.Context())
		require.NoError(c.t, err)
		require.EqualValues(c.t, b.History, status.History())
	}
	for _, o := range wire.ObjectStores() {
		store, err := c.js.ObjectStore(c.t.Context(), o.Name)
		require.NoError(c.t, err, o.Name)
		status, err := store.Status(c.t.Context())
		require.NoError(c.t, err)
		require.Equal(c.t, o.MaxAge, status.TTL())
	}
}

func (c *client) publish(subject string, data []byte) {
	c.t.Helper()
	require.NoError(c.t, c.nc.Publish(subject, data))
}

// run sends a command and returns its result.
func (c *client) run(pcID string, command wire.Command) wire.Result {
	c.t.Helper()
	command.ID, command.Version, command.RequestID, command.TimeoutSecs = "test", "1", uuid.NewString(), 60
	data, err := command.Encode()
	require.NoError(c.t, err)
	c.publish(wire.CommandsPC(pcID), data)
	return c.result(command.RequestID)
}

// result waits for the result of a request.
func (c *client) result(requestID string) wire.Result {
	c.t.Helper()
	msg := c.read(wire.StreamResults, 1, wire.ResultSubject(requestID))[0]
	r, err := wire.DecodeResult(msg.Data())
	require.NoError(c.t, err)
	return r
}

// payloads returns everything that a stream has.
func (c *client) payloads(stream string) []string {
	c.t.Helper()
	s, err := c.js.Stream(c.t.Context(), stream)
	require.NoError(c.t, err)
	var all []string
	for _, msg := range c.read(stream, int(s.CachedInfo().State.Msgs)) {
		all = append(all, string(msg.Data()))
	}
	return all
}

// read waits for the first n messages of a stream.
func (c *client) read(stream string, n int, subjects ...string) []jetstream.Msg {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	consumer, err := c.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: subjects})
	require.NoError(c.t, err)
	messages, err := consumer.Messages()
	require.NoError(c.t, err)
	defer messages.Stop()
	var read []jetstream.Msg
	for range n {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		require.NoError(c.t, err)
		read = append(read, msg)
	}
	return read
}
