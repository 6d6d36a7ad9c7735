package telemetry

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestThisHost measures the machine that runs the tests, twice. On Windows a
// counter may be switched off; those fields are then left out.
func TestThisHost(t *testing.T) {
	t.Parallel()
	h, ctx := thisHost{}, t.Context()
	first, err := h.CPU(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, first.Cores, 1)
	require.Eventually(t, func() bool {
		spin(time.Millisecond)
		now, err := h.CPU(ctx)
		return err == nil && now.Busy > first.Busy && now.Total > first.Total && now.Busy < now.Total
	}, time.Minute, time.Millisecond)

	m, err := h.Memory(ctx, RAM)
	require.NoError(t, err)
	require.Positive(t, m.Used)
	require.Less(t, m.Used, m.Total)
	m, err = h.Memory(ctx, Swap)
	if runtime.GOOS == "linux" {
		require.NoError(t, err)
	}
	require.LessOrEqual(t, m.Used, m.Total)
	for _, medium := range []Medium{Disks, Networks} {
		traffic, err := h.Traffic(ctx, medium)
		if runtime.GOOS == "linux" {
			require.NoError(t, err)
		}
		require.NotContains(t, traffic, "lo")
		for name := range traffic {
			require.False(t, strings.HasPrefix(name, "loop"), name)
		}
	}
}

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

func TestTheseProcesses(t *testing.T) {
	t.Parallel()
	p, ctx, own := theseProcesses{}, t.Context(), int32(os.Getpid())
	all, err := p.List(ctx)
	require.NoError(t, err)
	byPID := map[int32]Process{}
	for _, one := range all {
		byPID[one.PID] = one
	}
	listed, ok := byPID[own]
	require.True(t, ok, "the test itself is one")
	require.Len(t, byPID, len(all), "each once")

	d, err := p.Look(ctx, own)
	require.NoError(t, err)
	require.Equal(t, listed.Started, d.Started)
	require.Greater(t, d.RSSBytes, uint64(1<<20))
	program, err := os.Executable()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(filepath.Base(program), d.Name), "%s: the name, cut to 15 bytes on Linux", d.Name)
	require.Eventually(t, func() bool {
		spin(10 * time.Millisecond)
		now, err := p.Look(ctx, own)
		return err == nil && now.CPU > listed.CPU
	}, time.Minute, time.Millisecond)
	_, err = p.Bytes(ctx, own)
	require.NoError(t, err)

	_, err = p.Look(ctx, 1<<30)
	require.Error(t, err)
	_, err = p.Bytes(ctx, 1<<30)
	require.Error(t, err)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = p.List(ended)
	require.ErrorIs(t, err, context.Canceled, "a listing that is too slow ends")
}

// BenchmarkList prints what one listing of this host's processes costs.
func BenchmarkList(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		all, err := theseProcesses{}.List(b.Context())
		require.NoError(b, err)
		n = len(all)
	}
	b.ReportMetric(float64(n), "processes")
}
