package agent_test

import (
	"fmt"
	"log/slog"
	osexec "os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// burst is how many distinct commands one host gets at once.
const burst = 3_000

// BenchmarkBurst measures a burst of commands from the first publish to the
// last result, and in turns with it what starting sh as often costs alone, as
// many at a time.
func BenchmarkBurst(b *testing.B) {
	broker := jstest.StartBroker(b)
	nc := broker.Connect()
	createStreams(b, nc)
	var syncs atomic.Int64
	a, stop := startAgent(b, newConfig(b, broker.URL()), agent.WithLogger(slog.New(slog.DiscardHandler)), agent.CountSyncs(&syncs))
	defer stop()
	ready(b, a)
	results := make(chan *nats.Msg, 2*burst)
	_, err := nc.ChanSubscribe(wire.ResultsFilter(), results)
	require.NoError(b, err)
	require.NoError(b, nc.Flush())

	syncs.Store(0)
	var ours, floor []time.Duration
	for i := 0; b.Loop(); i++ {
		floor = append(floor, shells(b))
		ours = append(ours, sendBurst(b, nc, results, i))
	}
	all, least := percentile(ours, 50), percentile(floor, 50)
	b.ReportMetric(float64(all.Milliseconds()), "burst-ms")
	b.ReportMetric(float64(least.Milliseconds()), "sh-alone-ms")
	b.ReportMetric(float64(all)/float64(least), "times-sh")
	b.ReportMetric(float64((all-least).Microseconds())/burst, "µs-over-sh/command")
	b.ReportMetric(float64(syncs.Load())/float64(burst*len(ours)), "syncs/command")
	b.ReportMetric(0, "ns/op")
}

func sendBurst(b *testing.B, nc *nats.Conn, results <-chan *nats.Msg, round int) time.Duration {
	began := time.Now()
	for i := range burst {
		data, err := sh(fmt.Sprintf("burst-%d-%d", round, i), "echo hello").Encode()
		require.NoError(b, err)
		require.NoError(b, nc.Publish(wire.CommandsPC(pcID), data))
	}
	seen := make(map[string]bool, burst)
	for len(seen) < burst {
		seen[(<-results).Subject] = true
	}
	return time.Since(began)
}

// shells starts sh as often as the burst does, as many at a time as the agent.
func shells(b *testing.B) time.Duration {
	began := time.Now()
	var workers sync.WaitGroup
	work := make(chan struct{})
	for range runtime.NumCPU() {
		workers.Go(func() {
			for range work {
				if _, err := osexec.Command("sh", "-c", "echo hello").Output(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range burst {
		work <- struct{}{}
	}
	close(work)
	workers.Wait()
	return time.Since(began)
}
