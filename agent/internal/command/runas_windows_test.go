package command

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// The runner knows better.
func TestRunAsOthersIsTried(t *testing.T) {
	t.Parallel()
	for _, as := range []wire.RunAs{wire.RunAsSystem, wire.RunAsUser, wire.RunAsSystemGUI} {
		require.Empty(t, runAsReason(as))
	}
}
