package outbox

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func indexed(n int) *index {
	ix := newIndex(defaultWindow)
	for i := range n {
		ix.addLocked(&entry{file: fmt.Sprintf("%036x.json", i), modTime: int64(i / 3), size: 100})
	}
	return ix
}

func TestFlight(t *testing.T) {
	t.Parallel()
	f := newWidth(16)
	require.True(t, f.fits(windowBytes+1), "alone, anything fits")
	f.begin(windowBytes - 10)
	require.True(t, f.fits(10))
	require.False(t, f.fits(11))
	f.end(windowBytes - 10)
	for _, want := range []int{8, 4, 4} {
		f.shrink()
		require.Equal(t, want, f.now)
	}
	for _, want := range []int{8, 16, 16} {
		f.grow()
		require.Equal(t, want, f.now)
	}
	small := newWidth(2)
	small.shrink()
	require.Equal(t, 2, small.now)
}

func TestPromoteTakesOnlyWhatIsDue(t *testing.T) {
	t.Parallel()
	ix := indexed(3)
	now := time.Now()
	for i := range 3 {
		ix.postpone(ix.take(now), now.Add(time.Duration(i)*time.Second))
	}
	require.Nil(t, ix.take(now))
	ix.promote(now.Add(time.Second))
	require.NotNil(t, ix.take(now))
	require.NotNil(t, ix.take(now))
	require.Nil(t, ix.take(now))
	at, ok := ix.nextDue()
	require.True(t, ok)
	require.Equal(t, 2*time.Second, at.Sub(now), "by a clock that nobody sets")
	ix.promoteAll()
	require.NotNil(t, ix.take(now))
}

// The package comment names what a pending record costs.
func TestMemoryPerRecord(t *testing.T) {
	const n = 100_000
	before := heapInUse()
	ix := indexed(n)
	perRecord := float64(heapInUse()-before) / n
	t.Logf("%.0f bytes a record", perRecord)
	require.Less(t, perRecord, 300.0)
	require.Len(t, ix.files, n)
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
