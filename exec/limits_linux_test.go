package exec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLowPriority(t *testing.T) {
	t.Parallel()
	b := newBoard(t)
	script := helperCommand("hold", b.address(), "gate") + "\nnice\nionice 2>/dev/null || echo idle\n"
	s := native(script)
	s.Limits.LowPriority = true
	running := start(t.Context(), t, s)
	b.await("gate")[0].tell("exit 0") // the group has its priority by now, and what is started from now on inherits it
	require.Equal(t, "19 idle", strings.Join(strings.Fields(string(running.outcome().Stdout)), " "))
}

// Processes that have left the group are measured, too.
func TestLimitsSeeOtherGroups(t *testing.T) {
	t.Parallel()
	s := native("set -m\nfor i in 1 2 3 4 5 6 7 8; do sleep 1000 & done\nwait\n")
	s.Limits.Processes = 5
	out := run(t, s, WithDrainGrace(patience))
	require.Equal(t, LimitProcesses, out.Limit)
	require.False(t, out.Incomplete)
}
