package exec

import (
	"bytes"
	"context"
	osexec "os/exec"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkRun runs "echo hello" in turn with os/exec alone, with os/exec in a session of its own, and with Local, so
// that all three meet the same machine. It reports the median and the fastest tenth of each, in microseconds. ns/op is
// the sum of one run of each; over-os-exec is what Local costs beyond os/exec alone.
func BenchmarkRun(b *testing.B) {
	local := NewLocal()
	ways := []struct {
		name string
		run  func(context.Context) error
	}{
		{"os-exec", func(ctx context.Context) error { return osExec(ctx, nil) }},
		{"session", func(ctx context.Context) error { return osExec(ctx, sessionAttr()) }},
		{"local", func(ctx context.Context) error {
			_, err := local.Run(ctx, native("echo hello"))
			return err
		}},
	}
	times := make([][]time.Duration, len(ways))
	for n := 0; b.Loop(); n++ {
		for i := range ways {
			i = (i + n) % len(ways)
			begin := time.Now()
			err := ways[i].run(b.Context())
			times[i] = append(times[i], time.Since(begin))
			require.NoError(b, err)
		}
	}
	for i, way := range ways {
		slices.Sort(times[i])
		b.ReportMetric(float64(times[i][len(times[i])/2].Microseconds()), way.name+"-p50-µs")
		b.ReportMetric(float64(times[i][len(times[i])/10].Microseconds()), way.name+"-p10-µs")
	}
	for name, at := range map[string]int{"p50": 2, "p10": 10} {
		alone, local := times[0][len(times[0])/at], times[2][len(times[2])/at]
		b.ReportMetric(100*(float64(local)/float64(alone)-1), "over-os-exec-"+name+"-%")
	}
}

// BenchmarkManyLargeOutputs runs 100 scripts at once, each of which prints 50 MiB on both of its streams, and reports the
// largest amount of memory that the runtime held meanwhile, beside what their kept output alone takes.
func BenchmarkManyLargeOutputs(b *testing.B) {
	const scripts, written = 100, 50 << 20
	local := NewLocal()
	s := native(helperScript("spew", strconv.Itoa(written)))
	debug.FreeOSMemory()
	peak := watchMemory()
	for b.Loop() {
		var all sync.WaitGroup
		for range scripts {
			all.Go(func() {
				out, err := local.Run(b.Context(), s)
				if err != nil || !out.Truncated {
					b.Errorf("%v, truncated %t", err, out.Truncated)
				}
			})
		}
		all.Wait()
	}
	b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
	b.ReportMetric(2*scripts*DefaultMaxOutput/(1<<20), "kept-MiB")
	b.ReportMetric(2*scripts*written*float64(b.N)/(1<<20)/b.Elapsed().Seconds(), "MiB/s")
}

// watchMemory looks until the function that it returns is called, which says what was seen.
func watchMemory() (peak func() uint64) {
	stop, seen := make(chan struct{}), make(chan uint64)
	go func() {
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		var most uint64
		for {
			metrics.Read(held)
			most = max(most, held[0].Value.Uint64()-held[1].Value.Uint64())
			select {
			case <-stop:
				seen <- most
				return
			case <-look.C:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-seen
	}
}

func osExec(ctx context.Context, attr *syscall.SysProcAttr) error {
	var stdout, stderr bytes.Buffer
	cmd := osexec.CommandContext(ctx, string(nativeShell), map[Shell]string{Sh: "-c", Cmd: "/C"}[nativeShell], "echo hello")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &stdout, &stderr, attr
	return cmd.Run()
}
