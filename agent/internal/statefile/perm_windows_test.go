package statefile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The state folder's access list, which package statedir sets, is inherited.
func requirePrivate(t *testing.T, file string) {
	t.Helper()
	require.FileExists(t, file)
}
