package exec

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLowPriority(t *testing.T) {
	t.Parallel()
	// The script is there a moment before its priority is. What is started from then on inherits it.
	s := native("until [ \"$(nice) $(ionice 2>/dev/null || echo idle)\" = '19 idle' ]; do sleep 0.01; done\n")
	s.Limits.LowPriority, s.Timeout = true, patience
	require.Equal(t, EndExited, run(t, s, WithKillGrace(0)).End)
}

// A nice value counts inside a session; what counts between sessions is that of the session. Where a kernel shows none,
// nothing is to be lowered.
func TestLowPriorityOfTheSession(t *testing.T) {
	t.Parallel()
	own, err := os.ReadFile("/proc/self/autogroup")
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, lowerSession(os.Getpid()))
		return
	}
	s := native("until grep 'nice 19$' /proc/self/autogroup; do sleep 0.01; done\n")
	s.Limits.LowPriority, s.Timeout = true, patience
	require.Equal(t, EndExited, run(t, s, WithKillGrace(0)).End)
	again, err := os.ReadFile("/proc/self/autogroup")
	require.NoError(t, err)
	require.Equal(t, string(own), string(again), "the session of this process has changed")
}

// Processes that have left the group are measured, too.
func TestLimitsSeeOtherGroups(t *testing.T) {
	t.Parallel()
	s := native("for i in 1 2 3 4 5 6 7 8; do timeout 1000 sleep 1000 & done\nwait\n")
	s.Limits.Processes = 5
	out := run(t, s, WithDrainGrace(patience))
	require.Equal(t, LimitProcesses, out.Limit)
	require.False(t, out.Incomplete)
}
