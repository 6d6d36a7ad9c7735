package retry_test

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// healing is what befalls the site. It returns when a message can be stored again.
type healing struct {
	what string
	do   func(s *site)
	conn []nats.Option  // of the reader
	opts []retry.Option // of Consume
	most int64          // requests for the consumer from the event to its recovery
	anew bool           // the consumer's place is lost and the stream is not: what it had comes again
}

func (s *site) recreate() {
	s.Helper()
	putStream(s.T, s.operator, workStream)
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

// The rows of the table, with the events that an operator, a network and a broker can cause. The time is from the broker
// being usable, or the event being over, to the message in the handler.
var healings = []healing{
	{what: "A restart with data, in good order", do: func(s *site) { s.broker.Restart() }, most: 3},
	{what: "B restart with data, killed", do: func(s *site) { s.broker.Kill(); s.broker.Start() }, most: 3},
	{what: "C restart without data, stream made after the reconnect", do: func(s *site) {
		s.broker.Kill()
		s.broker.Wipe()
		s.broker.Start()
		s.awaitFailure(2)
		s.recreate()
	}, most: 12},
	{what: "D restart without data, stream made before the reconnect", do: func(s *site) {
		s.proxy.Freeze()
		s.broker.Kill()
		s.broker.Wipe()
		s.broker.Start()
		s.recreate()
		s.proxy.Thaw()
		s.proxy.Cut()
	}, most: 4},
	{what: "E stream deleted and made again while connected", do: func(s *site) { s.deleteStream(); s.recreate() }, most: 6},
	{what: "F stream deleted, made again later", do: func(s *site) { s.deleteStream(); s.awaitFailure(3); s.recreate() }, most: 12},
	{what: "G consumer deleted", do: (*site).deleteConsumer, most: 3, anew: true},
	{what: "G consumer deleted while disconnected", do: func(s *site) {
		s.proxy.Freeze()
		s.proxy.Cut()
		s.deleteConsumer()
		s.proxy.Thaw()
		s.proxy.Cut()
	}, most: 4, anew: true},
	{what: "consumer's folder lost, reconnect", do: func(s *site) {
		s.broker.LoseConsumer("WORK", "reader")
		s.awaitAsked(s.proxy.Cut)
	}, most: 3},
	{what: "consumer's folder lost, other filters", do: func(s *site) {
		s.broker.LoseConsumer("WORK", "reader")
		s.awaitAsked(func() { s.refilter("work.a", "work.b") })
	}, most: 3, anew: true},
	{what: "consumer's folder lost, then other filters while disconnected", do: func(s *site) {
		s.broker.LoseConsumer("WORK", "reader")
		s.proxy.Freeze()
		s.proxy.Cut()
		s.refilter("work.a", "work.b")
		s.proxy.Thaw()
		s.proxy.Cut()
	}, most: 4, anew: true},
	{what: "consumer's folder lost, restart", do: func(s *site) {
		s.broker.LoseConsumer("WORK", "reader")
		s.broker.Restart()
	}, most: 4, anew: true},
	{what: "H broker frozen, nobody pings, heartbeats are missed", do: func(s *site) {
		s.broker.Pause()
		s.awaitFailure(2)
		s.broker.Resume()
	}, opts: []retry.Option{
		retry.WithPull(jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(500*time.Millisecond)), retry.WithAttemptTimeout(time.Second),
	}, most: 6},
	{what: "I broker frozen, pings are missed", do: func(s *site) {
		s.broker.Pause()
		s.awaitConnected(false)
		s.broker.Resume()
		s.awaitReconnect()
	}, conn: []nats.Option{nats.PingInterval(200 * time.Millisecond), nats.MaxPingsOutstanding(2)}, most: 4},
	{what: "network cut", do: func(s *site) { s.proxy.Cut(); s.awaitReconnect() }, most: 3},
	{what: "network black hole until the pings are missed", do: func(s *site) {
		s.proxy.Freeze()
		s.awaitConnected(false)
		s.proxy.Thaw()
		s.proxy.Cut()
		s.awaitReconnect()
	}, conn: []nats.Option{nats.PingInterval(200 * time.Millisecond), nats.MaxPingsOutstanding(2)}, most: 6},
	{what: "stream purged", do: func(s *site) {
		stream, err := s.operator.Stream(within(s.T), "WORK")
		require.NoError(s, err)
		require.NoError(s, stream.Purge(within(s.T)))
	}, most: 0},
	{what: "two restarts in a row", do: func(s *site) { s.broker.Restart(); s.awaitConnected(true); s.broker.Restart() }, most: 5},
}

func TestConsumeHeals(t *testing.T) {
	t.Parallel()
	var table timings
	t.Run("rows", func(t *testing.T) {
		for _, h := range healings {
			t.Run(h.what, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, h)
				put(t, s.operator, "work.a", "before")
				s.reader.await("before")
				asked := s.reader.asked.Load()
				h.do(s)
				usable := time.Now()
				put(t, s.operator, "work.a", "after")
				s.reader.await("after")
				table.add(h.what, time.Since(usable), s.reader.asked.Load()-asked)
				require.LessOrEqual(t, s.reader.asked.Load()-asked, h.most, "requests for the consumer")
				put(t, s.operator, "work.b", "later")
				s.reader.await("later")
				if h.anew {
					require.GreaterOrEqual(t, s.reader.count("before"), 2)
				}
			})
		}
	})
	t.Log(table.String())
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

// timings is a table that tests print.
type timings struct {
	mu   sync.Mutex
	rows []string
}

func (t *timings) add(what string, took time.Duration, requests int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, fmt.Sprintf("%-62s %8s  %d requests", what, took.Round(time.Millisecond), requests))
}

func (t *timings) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.rows)
	return "time from usable to handled\n" + strings.Join(t.rows, "\n")
}

func TestConsumeHealsInACluster(t *testing.T) {
	t.Parallel()
	cluster := jstest.StartCluster(t, 3)
	replicated := workStream
	replicated.Replicas = 3
	js := newJetStream(t, cluster.Connect())
	putStream(t, js, replicated)
	var table timings
	// Each event is one more on the same cluster; the killed node is back before the next.
	for _, event := range []struct {
		what string
		node func(s, c *jetstream.ClusterInfo, connected string) string
	}{
		{"leader of the consumer killed", func(_, c *jetstream.ClusterInfo, _ string) string { return c.Leader }},
		{"leader of the stream killed", func(s, _ *jetstream.ClusterInfo, _ string) string { return s.Leader }},
		{"the node that we are connected to killed", func(_, _ *jetstream.ClusterInfo, connected string) string { return connected }},
	} {
		nc := cluster.Connect(nats.Name("reader"))
		reader := consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
		before, after := "before "+event.what, "after "+event.what
		putInCluster(t, js, before)
		reader.await(before)
		s, c := leaders(t, js)
		asked := reader.asked.Load()
		node := cluster.Node(event.node(s, c, nc.ConnectedServerName()))
		node.Kill()
		putInCluster(t, js, after)
		usable := time.Now()
		reader.await(after)
		table.add(event.what, time.Since(usable), reader.asked.Load()-asked)
		require.LessOrEqual(t, reader.asked.Load()-asked, int64(12), "requests for the consumer")
		require.Equal(t, 1, reader.count(after))
		reader.stop()
		nc.Close()
		node.Start()
		require.Eventually(t, func() bool { return inStep(t, js) }, generous, 20*time.Millisecond)
	}
	t.Log(table.String())
}

// putInCluster publishes until it is acknowledged: during an election nobody answers. The message id keeps it single.
func putInCluster(t *testing.T, js jetstream.JetStream, data string) {
	t.Helper()
	m := &nats.Msg{Subject: "work.a", Data: []byte(data), Header: nats.Header{nats.MsgIdHdr: {data}}}
	require.Eventually(t, func() bool { _, err := js.PublishMsg(t.Context(), m); return err == nil }, generous, time.Millisecond)
}

func leaders(t *testing.T, js jetstream.JetStream) (stream, consumer *jetstream.ClusterInfo) {
	t.Helper()
	s, err := js.Stream(within(t), "WORK")
	require.NoError(t, err)
	c, err := s.Consumer(within(t), "reader")
	require.NoError(t, err)
	return s.CachedInfo().Cluster, c.CachedInfo().Cluster
}

// inStep reports that stream and consumer have all their replicas.
func inStep(t *testing.T, js jetstream.JetStream) bool {
	s, err := js.Stream(t.Context(), "WORK")
	if err != nil {
		return false
	}
	c, err := s.Consumer(t.Context(), "reader")
	if err != nil {
		return false
	}
	for _, info := range []*jetstream.ClusterInfo{s.CachedInfo().Cluster, c.CachedInfo().Cluster} {
		if info == nil || info.Leader == "" || len(info.Replicas) != 2 ||
			slices.ContainsFunc(info.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current }) {
			return false
		}
	}
	return true
}

var restartsFlag = flag.Int("restarts", defaultRestarts(), "restarts of the broker in TestConsumeDoesNotGrowOverRestarts, at least 10")

// defaultRestarts is fewer where it takes long to start a process.
func defaultRestarts() int {
	if runtime.GOOS == "windows" {
		return 40
	}
	return 200
}

// A process lives through many restarts of its broker: nothing may add up.
func TestConsumeDoesNotGrowOverRestarts(t *testing.T) {
	t.Parallel()
	restarts := *restartsFlag
	require.GreaterOrEqual(t, restarts, 10, "-restarts")
	b := jstest.StartBroker(t)
	js := newJetStream(t, b.Connect())
	putStream(t, js, workStream)
	var c *tap
	var nc *nats.Conn
	mark(t, func() {
		nc = b.Connect()
		c = consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)), retry.WithLogger(nil))
	})
	round := func(n int) {
		b.Kill()
		b.Start()
		data := fmt.Sprint(n)
		putInCluster(t, js, data)
		c.await(data)
	}
	for n := range restarts / 10 {
		round(n)
	}
	goroutines, heap, sent := marked(t), settled(), nc.Stats().OutMsgs
	for n := restarts / 10; n < restarts; n++ {
		round(n)
	}
	more := uint64(restarts - restarts/10)
	sent = nc.Stats().OutMsgs - sent
	require.Eventually(t, func() bool { return marked(t) <= goroutines }, generous, 10*time.Millisecond, "goroutines: %d → %d", goroutines, marked(t))
	after := settled()
	t.Logf("%d restarts: goroutines %d → %d, heap %d → %d KiB, %d requests for the consumer, %d messages sent in the last %d",
		restarts, goroutines, marked(t), heap>>10, after>>10, c.asked.Load(), sent, more)
	stream, err := js.Stream(within(t), "WORK")
	require.NoError(t, err)
	require.Equal(t, 1, stream.CachedInfo().State.Consumers)
	require.LessOrEqual(t, c.asked.Load(), int64(3*restarts))
	require.LessOrEqual(t, sent, 12*more, "requests for the consumer, pulls and acks")
	got := c.all()
	slices.Sort(got)
	require.Len(t, slices.Compact(got), restarts, "each came, some again: a killed broker forgets acks")
	require.Less(t, after, heap+8<<20)
}

// settled is the size of the process's heap after what is garbage is gone.
func settled() (heap uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// mark makes the goroutines that do starts, and those that these start, ones of the test: others run beside it.
func mark(t *testing.T, do func()) {
	pprof.Do(t.Context(), pprof.Labels("test", t.Name()), func(context.Context) { do() })
}

var labelled = regexp.MustCompile(`(?m)^(\d+) @ .*\n# labels: (\{.*\})$`)

// marked is how many goroutines of the test there are.
func marked(t *testing.T) (n int) {
	t.Helper()
	var profile strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	for _, group := range labelled.FindAllStringSubmatch(profile.String(), -1) {
		if strings.Contains(group[2], strconv.Quote(t.Name())) {
			size, err := strconv.Atoi(group[1])
			require.NoError(t, err)
			n += size
		}
	}
	require.NotZero(t, n, "goroutines of a test carry its name")
	return n
}
