//go:build !windows

package command

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestRunAsOthersIsForWindows(t *testing.T) {
	t.Parallel()
	require.Empty(t, runAsReason(wire.RunAsSystem))
	require.Equal(t, "run_as User is Windows-only; the script is skipped\n", runAsReason(wire.RunAsUser))
	require.Equal(t, "run_as SystemGui is Windows-only; the script is skipped\n", runAsReason(wire.RunAsSystemGUI))
}

func TestACommandForAnotherUserIsAnswered(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		c := request("r")
		c.RunAs = wire.RunAsUser
		b.send(c)
		r := b.result("r")
		require.EqualValues(t, wire.ExitFailed, r.ExitCode)
		require.Contains(t, r.Stderr, "Windows-only")
	})
}
