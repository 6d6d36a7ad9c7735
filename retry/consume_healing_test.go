package retry_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// healing is what befalls the site. It returns when a message can be stored again.
type healing struct {
	what string
	do   func(s *site)
	conn []nats.Option  // of the reader
	opts []retry.Option // of Consume
	most int64          // requests for the consumer from the event to its recovery
	anew bool           // the consumer's place is lost and the stream is not: what it had comes again
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
				putInCluster(t, s.operator, "after") // the operator may not have noticed the end of its connection
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
