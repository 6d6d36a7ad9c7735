package agent_test

import (
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// benchPause is how long the machine rests before each measurement, ours and
// the limit's alike: a host that has been idle is the common case.
const benchPause = 20 * time.Millisecond

// BenchmarkCommand measures one command from its publish to its result at a
// plain subscriber, and beside it, in turns, the least that this durable way
// can take: starting sh once and syncing five times.
func BenchmarkCommand(b *testing.B) {
	broker := jstest.StartBroker(b)
	nc := broker.Connect()
	createStreams(b, nc)
	a, stop := startAgent(b, newConfig(b, broker.URL()), agent.WithLogger(slog.New(slog.DiscardHandler)))
	defer stop()
	ready(b, a)
	results := make(chan *nats.Msg, 1)
	_, err := nc.ChanSubscribe("results.>", results)
	require.NoError(b, err)
	require.NoError(b, nc.Flush())
	limit := newLimit(b)

	var ours, floor []time.Duration
	for i := 0; b.Loop(); i++ {
		time.Sleep(benchPause)
		floor = append(floor, limit.once(b))
		time.Sleep(benchPause)
		ours = append(ours, roundTrip(b, nc, results, fmt.Sprintf("bench-%d", i)))
	}
	report(b, "cmd", ours)
	report(b, "limit", floor)
	b.ReportMetric(float64(percentile(ours, 50))/float64(percentile(floor, 50)), "times-limit-p50")
	b.ReportMetric(0, "ns/op")
}

func roundTrip(b *testing.B, nc *nats.Conn, results <-chan *nats.Msg, id string) time.Duration {
	data, err := sh(id, "echo hello").Encode()
	require.NoError(b, err)
	began := time.Now()
	require.NoError(b, nc.Publish(wire.CommandsPC(pcID), data))
	msg := <-results
	took := time.Since(began)
	require.Equal(b, wire.ResultSubject(id), msg.Subject)
	return took
}

// limit is the bare work: no agent, no broker.
type limit struct {
	dir     *os.File
	journal *os.File
}

func newLimit(b *testing.B) *limit {
	path := b.TempDir()
	dir, err := os.Open(path)
	require.NoError(b, err)
	journal, err := os.OpenFile(filepath.Join(path, "journal"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(b, err)
	b.Cleanup(func() { _ = dir.Close(); _ = journal.Close() })
	return &limit{dir: dir, journal: journal}
}

func (l *limit) once(b *testing.B) time.Duration {
	began := time.Now()
	l.note(b) // accepted
	l.note(b) // started
	out, err := osexec.Command("sh", "-c", "echo hello").Output()
	require.NoError(b, err)
	f, err := os.Create(filepath.Join(l.dir.Name(), "result"))
	require.NoError(b, err)
	_, err = f.Write(out)
	require.NoError(b, err)
	require.NoError(b, f.Sync())
	require.NoError(b, f.Close())
	require.NoError(b, l.dir.Sync())
	l.note(b) // finished
	took := time.Since(began)
	require.NoError(b, os.Remove(f.Name()))
	return took
}

func (l *limit) note(b *testing.B) {
	_, err := l.journal.Write(make([]byte, 300))
	require.NoError(b, err)
	require.NoError(b, l.journal.Sync())
}

func report(b *testing.B, name string, all []time.Duration) {
	b.ReportMetric(float64(percentile(all, 50).Microseconds()), name+"-p50-µs")
	b.ReportMetric(float64(percentile(all, 99).Microseconds()), name+"-p99-µs")
}

func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*p/100]
}
