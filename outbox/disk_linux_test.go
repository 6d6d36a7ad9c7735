package outbox

import (
	"math"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFreeSpaceIsWhatThisUserCanWrite(t *testing.T) {
	t.Parallel()
	s := syscall.Statfs_t{Bsize: 1 << 20, Frsize: 4096, Bfree: 10, Bavail: 3}
	require.EqualValues(t, 3*4096, freeOf(&s, false))
	require.EqualValues(t, 10*4096, freeOf(&s, true), "root may use the reserve")
	s.Frsize = 0
	require.EqualValues(t, 3<<20, freeOf(&s, false), "a system that does not tell it")
	s.Bavail, s.Bfree = math.MaxUint64, math.MaxInt64 // less than nothing; more than can be told
	require.Zero(t, freeOf(&s, false))
	require.Positive(t, freeOf(&s, true))
}
