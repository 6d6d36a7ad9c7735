package retry_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// site is a broker behind a proxy, a consumer that reads through the proxy, and an operator who does not.
type site struct {
	*testing.T
	broker   *jstest.Broker
	proxy    *jstest.Proxy
	operator jetstream.JetStream
	reader   *tap
	cfg      *changing // of the reader
	conn     *nats.Conn
}

// recreate asks until it is answered: the operator may not have noticed the end of its connection.
func (s *site) recreate() {
	s.Helper()
	awaitStream(s.T, s.operator, workStream)
}

func (s *site) deleteStream() {
	s.Helper()
	require.NoError(s, s.operator.DeleteStream(within(s.T), "WORK"))
}

func (s *site) deleteConsumer() {
	s.Helper()
	require.NoError(s, s.operator.DeleteConsumer(within(s.T), "WORK", "reader"))
}

func (s *site) refilter(filters ...string) {
	cfg, _ := s.cfg.get()
	cfg.FilterSubjects = filters
	s.cfg.set(cfg)
}

// awaitFailure returns when Consume has noticed something.
func (s *site) awaitFailure(n int) {
	s.Helper()
	require.Eventually(s, func() bool { return len(s.reader.failed()) >= n }, generous, time.Millisecond)
}

// awaitAsked returns when what happens has made Consume ask for the consumer.
func (s *site) awaitAsked(happens func()) {
	s.Helper()
	asked := s.reader.asked.Load()
	happens()
	require.Eventually(s, func() bool { return s.reader.asked.Load() > asked }, generous, time.Millisecond)
}

func (s *site) awaitConnected(want bool) {
	s.Helper()
	require.Eventually(s, func() bool { return s.conn.IsConnected() == want }, generous, time.Millisecond)
}

// awaitReconnect keeps the next message from being sent into a connection whose end the broker has not noticed: that one
// comes again after the ack wait only, which is the consumer's affair.
func (s *site) awaitReconnect() {
	s.Helper()
	require.Eventually(s, func() bool { return s.conn.Stats().Reconnects > 0 && s.conn.IsConnected() }, generous, time.Millisecond)
}

func newSite(t *testing.T, h healing) *site {
	t.Helper()
	s := &site{T: t, broker: jstest.StartBroker(t)}
	s.proxy = jstest.StartProxy(t, s.broker.URL())
	s.operator = s.broker.JetStream()
	s.conn = connectVia(t, s.proxy, h.conn...)
	putStream(t, s.operator, workStream)
	js := newJetStream(t, s.conn)
	cfg := readerConfig
	cfg.AckWait = 2 * time.Second // a lost delivery does not take the test long
	s.cfg = newChanging(cfg)
	s.reader = consume(t, js, s.cfg.get, append([]retry.Option{retry.WithTransport(retry.FromNATS(s.conn))}, h.opts...)...)
	return s
}

func connectVia(t *testing.T, p *jstest.Proxy, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(p.URL(), append([]nats.Option{
		nats.Timeout(10 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.PingInterval(10 * time.Second), // as [jstest.Broker.Connect]
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}
