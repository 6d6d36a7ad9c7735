package agent_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	largeOutputs = 1000
	largeOutput  = 1 << 20
)

// BenchmarkDrainLargeOutput measures how fast a box of results with 1 MiB of
// output each empties, and in turns with it a bare loop that puts the same texts
// into the same store, one after the other and as many at a time as the box.
func BenchmarkDrainLargeOutput(b *testing.B) {
	broker := jstest.StartBroker(b)
	js := createStreams(b, broker.Connect())
	store, err := js.CreateObjectStore(b.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreResultOutput})
	require.NoError(b, err)
	text := []byte(strings.Repeat("a line of output is about as long as this one, which has 64.  \r\n", largeOutput/64+1)[:largeOutput])

	var ours, bare, four time.Duration
	rounds := 0
	for ; b.Loop(); rounds++ {
		bare += timed(func() { putBare(b, store, text, 1) })
		clean(b, js)
		ours += drainLarge(b, broker.URL(), string(text))
		require.EqualValues(b, largeOutputs*9, info(b, js, "OBJ_"+wire.StoreResultOutput).State.Msgs)
		clean(b, js)
		four += timed(func() { putBare(b, store, text, 4) })
		clean(b, js)
	}
	rate := func(d time.Duration) float64 { return float64(rounds*largeOutputs) / d.Seconds() }
	b.ReportMetric(rate(ours), "results/s")
	b.ReportMetric(rate(bare), "bare-puts/s")
	b.ReportMetric(100*rate(ours)/rate(bare), "%-of-bare")
	b.ReportMetric(rate(four), "4-bare-puts/s")
	b.ReportMetric(0, "ns/op")
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func putBare(b *testing.B, store jetstream.ObjectStore, text []byte, workers int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range workers {
		all.Go(func() {
			for i := next.Add(1); i <= largeOutputs; i = next.Add(1) {
				if _, err := store.Put(b.Context(), jetstream.ObjectMeta{Name: fmt.Sprint("bare/", i)}, bytes.NewReader(text)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func drainLarge(b *testing.B, url, text string) time.Duration {
	cfg := newConfig(b, url)
	for i := range largeOutputs {
		id := fmt.Sprint("r-", i)
		settle(b, leave(b, cfg, id, left(id, text).Encode()))
	}
	defer os.RemoveAll(cfg.StateDir)
	var stop func()
	took := timed(func() {
		var a *agent.Agent
		a, stop = startAgent(b, cfg, agent.WithLogger(slog.New(slog.DiscardHandler)))
		for a.Status().Results.Sent < largeOutputs {
			time.Sleep(time.Millisecond)
		}
	})
	stop()
	return took
}

// settle brings a file to the disk, as a Put does, so that the writing of it is
// over when the measurement begins.
func settle(b *testing.B, path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(b, err)
	require.NoError(b, f.Sync())
	require.NoError(b, f.Close())
}

func info(b *testing.B, js jetstream.JetStream, name string) *jetstream.StreamInfo {
	stream, err := js.Stream(b.Context(), name)
	require.NoError(b, err)
	return stream.CachedInfo()
}

func clean(b *testing.B, js jetstream.JetStream) {
	for _, name := range []string{"OBJ_" + wire.StoreResultOutput, wire.StreamResults} {
		stream, err := js.Stream(b.Context(), name)
		require.NoError(b, err)
		require.NoError(b, stream.Purge(b.Context()))
	}
}

const (
	hugeOutput = 64 << 20
	// hugePeak is what the whole process may take at most.
	hugePeak = 48 << 20
	hugeURL  = "KANADE_BENCH_HUGE_URL"
	hugeDir  = "KANADE_BENCH_HUGE_DIR"
)

// BenchmarkDrainHugeOutput measures the memory of a process with an agent that
// finds a result with 64 MiB of output in its box. The process is this program,
// started again.
func BenchmarkDrainHugeOutput(b *testing.B) {
	if url := os.Getenv(hugeURL); url != "" {
		drainHuge(b, url, os.Getenv(hugeDir))
		return
	}
	var peak int64
	for b.Loop() {
		peak = max(peak, measureHuge(b))
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-RSS-MiB")
	b.ReportMetric(hugePeak>>20, "limit-MiB")
	b.ReportMetric(0, "ns/op")
	require.LessOrEqual(b, peak, int64(hugePeak))
}

func measureHuge(b *testing.B) (peak int64) {
	broker := jstest.StartBroker(b)
	js := createStreams(b, broker.Connect())
	store, err := js.CreateObjectStore(b.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreResultOutput})
	require.NoError(b, err)
	cfg := newConfig(b, broker.URL())
	leave(b, cfg, "huge", left("huge", strings.Repeat("a line of output is about as long as this one, which has 64.  \r\n", hugeOutput/64)).Encode())
	cmd := osexec.CommandContext(b.Context(), os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkDrainHugeOutput$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), hugeURL+"="+broker.URL(), hugeDir+"="+cfg.StateDir)
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "%s", out)
	_, line, found := strings.Cut(string(out), peakPrefix)
	require.True(b, found, "%s", out)
	_, err = fmt.Sscan(line, &peak)
	require.NoError(b, err)
	object, err := store.GetInfo(b.Context(), "huge/"+pcID+"/stdout")
	require.NoError(b, err)
	require.EqualValues(b, hugeOutput, object.Size)
	return peak << 10
}

const peakPrefix = "peak RSS KiB: "

func drainHuge(b *testing.B, url, dir string) {
	cfg := newConfig(b, url)
	cfg.StateDir = dir
	a, stop := startAgent(b, cfg, agent.WithLogger(slog.New(slog.DiscardHandler)))
	for a.Status().Results.Sent == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	status, err := os.Open("/proc/self/status")
	require.NoError(b, err)
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if kib, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			fmt.Fprintln(os.Stdout, peakPrefix+strings.Fields(kib)[0])
		}
	}
}
