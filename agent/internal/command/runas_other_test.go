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

// The reference says exit code 0, with which a script that was skipped looks like one that
// succeeded; the contract lists that as a weakness not to be kept.
func TestACommandForAnotherUserIsAnswered(t *testing.T) {
	for _, row := range []struct {
		as     wire.RunAs
		stderr string
	}{
		{wire.RunAsUser, "run_as User is Windows-only; the script is skipped\n"},
		{wire.RunAsSystemGUI, "run_as SystemGui is Windows-only; the script is skipped\n"},
	} {
		run(t, nil, func(t *testing.T, b *bench) {
			c := request("r")
			c.RunAs = row.as
			b.send(c)
			r := b.result("r")
			require.EqualValues(t, -1, r.ExitCode)
			require.Empty(t, r.Stdout)
			require.Equal(t, row.stderr, r.Stderr)
			require.Empty(t, b.starts())
			require.Empty(t, b.events.started, "what is skipped has no such event")
		})
	}
}
