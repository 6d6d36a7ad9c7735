package inventory

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCollect collects everything of this machine, and says what memory of
// this process that takes: at the peak, and afterwards. The first collections make
// the runtime start the threads and goroutines that it keeps for the next ones.
func BenchmarkCollect(b *testing.B) {
	local := NewLocal()
	for range warmUp {
		_, err := local.Collect(b.Context())
		require.NoError(b, err)
	}
	before := heap()
	peak := resident(b, "VmRSS:")
	for b.Loop() {
		_, err := local.Collect(b.Context())
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/collection")
	b.ReportMetric(float64(resident(b, "VmHWM:")-peak)/1024, "peak-MiB")
	b.ReportMetric((float64(heap())-float64(before))/1024, "kept-KiB")
}

const warmUp = 100

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// resident is a size of this process, in KiB.
func resident(b *testing.B, name string) int {
	data, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == name {
			n, err := strconv.Atoi(f[1])
			require.NoError(b, err)
			return n
		}
	}
	b.Fatal("no " + name)
	return 0
}
