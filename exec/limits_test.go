//go:build linux || windows

package exec

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCPULimit(t *testing.T) {
	t.Parallel()
	s := native(helperScript("burn", "3600000"))
	s.Limits.CPU = 300 * time.Millisecond
	out := run(t, s)
	require.Equal(t, EndLimit, out.End)
	require.Equal(t, LimitCPU, out.Limit)
	require.Equal(t, -1, out.Code)
	require.False(t, out.Incomplete)
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("eat", strconv.Itoa(600<<20), b.address(), "eater"))
	s.Limits.Memory = 400 << 20
	out := run(t, s)
	require.Equal(t, LimitMemory, out.Limit)
	require.NotZero(t, out.Code)
}

func TestProcessLimit(t *testing.T) {
	t.Parallel()
	s := native(forkBomb())
	s.Limits.Processes = 10
	out := run(t, s, WithDrainGrace(patience))
	require.Equal(t, EndLimit, out.End)
	require.Equal(t, LimitProcesses, out.Limit)
	require.False(t, out.Incomplete)
}

func TestWithinTheLimits(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("eat", "1000000", b.address(), "child"))
	s.Limits = Limits{CPU: time.Hour, Memory: 8 << 30, Processes: 20, LowPriority: true}
	running := start(t.Context(), t, s)
	child := b.await("child")[0]
	child.tell("exit 7")
	out := running.outcome()
	require.Equal(t, EndExited, out.End)
	require.Equal(t, 7, out.Code)
	require.Empty(t, out.Limit)

	s = native("exit 6")
	s.Limits = Limits{CPU: math.MaxInt64, Memory: math.MaxInt64, Processes: math.MaxInt}
	require.Equal(t, 6, run(t, s).Code)
}

// A timeout, a kill and a limit are told apart, whatever comes first.
func TestTimeoutWithLimits(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	s := native(helperScript("hold", b.address(), "child"))
	s.Timeout, s.Limits.CPU = 500*time.Millisecond, time.Hour
	out := run(t, s)
	require.Equal(t, EndTimeout, out.End)
	require.Empty(t, out.Limit)
}

func TestExceeded(t *testing.T) {
	t.Parallel()
	all := Limits{CPU: time.Second, Memory: 100, Processes: 2}
	tests := []struct {
		limits Limits
		used   usage
		want   Limit
	}{
		{all, usage{cpu: time.Second, memory: 100, processes: 2}, ""},
		{all, usage{cpu: time.Second + 1, memory: 101, processes: 3}, LimitCPU},
		{all, usage{memory: 101, processes: 3}, LimitMemory},
		{all, usage{processes: 3}, LimitProcesses},
		{all, usage{refused: LimitMemory}, LimitMemory},
		{Limits{}, usage{cpu: math.MaxInt64, memory: math.MaxInt64, processes: math.MaxInt}, ""},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.limits.exceeded(tt.used))
	}
}
