package agentcli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func TestWhereProgramsOfTheHostAreServed(t *testing.T) {
	t.Parallel()
	require.Empty(t, klpConfig{Path: klpOff}.options())
	require.Len(t, klpConfig{Path: "/some/where"}.options(), 1)
	if klpPlace() {
		require.Len(t, klpConfig{}.options(), 1)
		require.Equal(t, agent.DefaultKLPPath, klpConfig{}.placed().Path)
	} else {
		require.Empty(t, klpConfig{}.options())
		require.Equal(t, klpOff, klpConfig{}.placed().Path)
	}
}
