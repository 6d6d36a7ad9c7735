package exec

import (
	"bytes"
	"context"
	osexec "os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkRun runs "echo hello" in turn with os/exec alone, with os/exec in a session of its own, and with Local, so
// that all three meet the same machine. It reports the median and the fastest tenth of each, in microseconds. ns/op is
// the sum of one run of each.
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
}

func osExec(ctx context.Context, attr *syscall.SysProcAttr) error {
	var stdout, stderr bytes.Buffer
	cmd := osexec.CommandContext(ctx, string(nativeShell), map[Shell]string{Sh: "-c", Cmd: "/C"}[nativeShell], "echo hello")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &stdout, &stderr, attr
	return cmd.Run()
}
