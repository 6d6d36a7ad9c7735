//go:build unix

package agent_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	undeliverable = 20_000
	// settleFor is how long an agent has to find out that nothing gets through.
	settleFor = 10 * time.Second
	watchFor  = 10 * time.Second
)

// BenchmarkUndeliverable measures what a backlog costs that the broker does not
// take because its stream is missing: CPU time of an agent that does nothing
// else, and the round trip of commands. The limit is an agent with empty boxes
// beside it; the round trips go to the two in turns.
func BenchmarkUndeliverable(b *testing.B) {
	for _, box := range []struct {
		folder, stream string
		file           func(i int) (name string, data []byte)
	}{
		{"outbox", wire.StreamResults, resultFile},
		{"events-outbox", wire.StreamEvents, startFile},
	} {
		b.Run(box.folder, func(b *testing.B) {
			broker := jstest.StartBroker(b)
			nc := broker.Connect()
			require.NoError(b, createStreams(b, nc).DeleteStream(b.Context(), box.stream))
			results := make(chan *nats.Msg, 1<<16)
			_, err := nc.ChanSubscribe(wire.ResultsFilter(), results)
			require.NoError(b, err)

			empty := newConfig(b, broker.URL())
			empty.ID = "EMPTY"
			runQuietly(b, empty)
			emptyCPU := cpuPerSecond(b)

			loaded := newConfig(b, broker.URL())
			loaded.ID = "LOADED"
			fillBox(b, filepath.Join(loaded.StateDir, box.folder), box.file)
			runQuietly(b, loaded)
			bothCPU := cpuPerSecond(b)

			var ours, limit []time.Duration
			for i := 0; b.Loop(); i++ {
				limit = append(limit, roundTripBeside(b, nc, results, empty.ID, i))
				ours = append(ours, roundTripBeside(b, nc, results, loaded.ID, i))
			}
			report(b, "cmd", ours)
			report(b, "empty-cmd", limit)
			b.ReportMetric(emptyCPU, "empty-cpu-ms/s")
			b.ReportMetric(bothCPU-emptyCPU, "cpu-ms/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func runQuietly(b *testing.B, cfg agent.Config) {
	a, _ := startAgent(b, cfg, agent.WithLogger(slog.New(slog.DiscardHandler)))
	ready(b, a)
	time.Sleep(settleFor)
}

// cpuPerSecond is how many milliseconds of CPU time this process takes a second.
func cpuPerSecond(b *testing.B) float64 {
	before := cpuTime(b)
	time.Sleep(watchFor)
	return float64((cpuTime(b) - before).Microseconds()) / 1000 / watchFor.Seconds()
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func fillBox(b *testing.B, dir string, file func(i int) (string, []byte)) {
	require.NoError(b, os.MkdirAll(dir, 0o700))
	for i := range undeliverable {
		name, data := file(i)
		require.NoError(b, os.WriteFile(filepath.Join(dir, name+".json"), data, 0o600))
	}
}

func resultFile(i int) (name string, data []byte) {
	id := fmt.Sprintf("old-%d", i)
	r := wire.Result{
		ResultID: wire.ResultID(id, "LOADED"), RequestID: id, PCID: "LOADED",
		StartedAt: time.Now().UTC(), FinishedAt: time.Now().UTC(),
	}
	return id, r.Encode()
}

func startFile(i int) (name string, data []byte) {
	id := wire.ResultID(fmt.Sprintf("old-%d", i), "LOADED")
	e := wire.EventStarted{
		ResultID: id, RequestID: fmt.Sprintf("old-%d", i), ExecID: "exec", PCID: "LOADED",
		StartedAt: time.Now().UTC(), ManifestID: "job", Version: "1",
	}
	return id, e.Encode()
}

// roundTripBeside passes over what is sent again from the backlog.
func roundTripBeside(b *testing.B, nc *nats.Conn, results <-chan *nats.Msg, pc string, i int) time.Duration {
	time.Sleep(benchPause)
	id := fmt.Sprintf("%s-%d", pc, i)
	data, err := sh(id, "echo hello").Encode()
	require.NoError(b, err)
	began := time.Now()
	require.NoError(b, nc.Publish(wire.CommandsPC(pc), data))
	for msg := range results {
		if msg.Subject == wire.ResultSubject(id) {
			break
		}
	}
	return time.Since(began)
}
